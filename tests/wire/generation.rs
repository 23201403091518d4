//! Formats beside those of the large vendors, on transcripts of their own: streamed and not, errors, starts, aborts.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use support::wire::{cut, of_type};
use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, ProviderError, RunType, Usage,
    event::Accumulator,
    wire::{
        Format, LlmHttpRequest, LlmHttpResponse,
        anthropic::AnthropicMessages,
        cohere::{CohereChat, CohereGenerate},
        dashscope::DashScope,
        gemini::Gemini,
        gemini_interactions::GeminiInteractions,
        mistral::MistralConversations,
        openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
        text_generation::{AnthropicComplete, LlamaCppCompletion, TgiGenerate, WatsonxGeneration},
    },
};

/// Reads an answer in all cuts. Returns its result, and the error, unless the answer is complete.
#[track_caller]
fn read(format: &dyn Format, body: &str) -> (LlmResult, Option<ProviderError>) {
    let read = |lengths: &[usize]| {
        let kind = if body.starts_with('{') { "application/json" } else { "text/event-stream" };
        let headers = of_type(Some(kind));
        let mut decoder = format.decoder(&LlmHttpResponse::new(StatusCode::OK, &headers));
        let (mut sum, mut end) = (Accumulator::new(), None);
        let mut each = |delta: Delta<'_>| {
            sum.delta(&delta);
            match delta {
                Delta::Done => end = Some(None),
                Delta::Error(error) => end = Some(Some(error)),
                _ => {}
            }
        };
        for piece in cut(body.as_bytes(), lengths) {
            decoder.push(piece, &mut each);
        }
        decoder.finish(&mut each);
        let truncated = || Some(ProviderError::new("truncated"));
        (sum.finish(), end.unwrap_or_else(truncated))
    };
    let whole = read(&[body.len()]);
    for lengths in [&[1][..], &[2, 7], &[64]] {
        assert_eq!(read(lengths), whole);
    }
    whole
}

fn events<const N: usize>(events: [Value; N]) -> String {
    events.into_iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// The text, the reasoning, the calls, the finish reason, and input and output tokens of choice 0.
fn facts((result, error): (LlmResult, Option<ProviderError>)) -> Value {
    assert_eq!(error, None);
    let choice = &result.choices[0];
    let calls = choice.tool_calls.iter().map(|it| json!([it.id, it.name, it.arguments]));
    let usage = result.usage.map(|usage| [usage.input_tokens, usage.output_tokens]);
    json!({"text": choice.text, "reasoning": choice.reasoning, "calls": calls.collect::<Value>(),
        "finish": choice.finish_reason, "usage": usage, "streamed": result.streamed,
        "id": result.response_id, "model": result.model})
}

fn start(format: &dyn Format, path: &str, body: &Value) -> LlmStart {
    let (uri, headers, body): (Uri, _, _) =
        (path.parse().unwrap(), HeaderMap::new(), Bytes::from(body.to_string()));
    let call = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
    assert!(format.matches(&Method::POST, &call.path()), "{path}");
    assert_eq!(format.describe(&call).run_type(), Some(RunType::Llm), "{path}");
    format.start(&call)
}

#[test]
fn dashscope() {
    const PATH: &str = "/api/v1/services/aigc/text-generation/generation";
    let event = |message: Value, reason: &str, output: u64| {
        json!({"output": {"choices": [{"message": message, "finish_reason": reason}]}, "request_id": "r1",
            "usage": {"input_tokens": 5, "output_tokens": output, "total_tokens": 5 + output}})
    };
    let call = |arguments: &str| json!([{"index": 0, "id": "c1", "function": {"name": "add", "arguments": arguments}}]);
    // Each event has all so far.
    let streamed = events([
        event(json!({"content": "", "reasoning_content": "h"}), "null", 1),
        event(json!({"content": "", "reasoning_content": "hm"}), "null", 2),
        event(json!({"content": "Hell", "reasoning_content": "hm"}), "null", 2),
        event(json!({"content": [{"text": "Hello"}], "reasoning_content": "hm"}), "null", 3),
        event(json!({"content": "Hello", "tool_calls": call("{\"a\":")}), "null", 3),
        event(json!({"content": "Hello", "tool_calls": call("{\"a\":1}")}), "tool_calls", 4),
    ]);
    let mut expected = json!({"text": "Hello", "reasoning": "hm", "finish": "tool_calls", "usage": [5, 4],
        "calls": [["c1", "add", "{\"a\":1}"]], "streamed": true, "id": "r1", "model": null});
    assert_eq!(facts(read(&DashScope, &streamed)), expected);
    let message =
        json!({"content": "Hello", "reasoning_content": "hm", "tool_calls": call("{\"a\":1}")});
    let whole = event(message, "tool_calls", 4).to_string();
    expected["streamed"] = json!(false);
    assert_eq!(facts(read(&DashScope, &whole)), expected);

    // Or what is new, if the request asks for that.
    let body = json!({"model": "qwen", "input": {"messages": [{"role": "user", "content": "Hi"}]},
        "parameters": {"incremental_output": true, "result_format": "message"}});
    let asked = start(&DashScope, PATH, &body);
    assert_eq!((&*asked.provider, &*asked.api), ("alibaba", "generation"));
    assert_eq!(asked.model.as_deref(), Some("qwen"));
    assert_eq!(*asked.messages.get().unwrap(), body["input"]["messages"]);
    let headers = of_type(Some("text/event-stream"));
    let response = LlmHttpResponse::new(StatusCode::OK, &headers).request(&asked);
    let mut decoder = DashScope.decoder(&response);
    let mut text = Accumulator::new();
    let parts = events([
        event(json!({"content": "ha"}), "null", 1),
        event(json!({"content": "ha"}), "null", 2),
        event(json!({"content": ""}), "stop", 2),
    ]);
    decoder.push(parts.as_bytes(), &mut |delta| text.delta(&delta));
    assert_eq!(text.finish().text(), "haha");

    let plain = json!({"output": {"text": "Hi", "finish_reason": "stop"}, "request_id": "r2"});
    assert_eq!(read(&DashScope, &plain.to_string()).0.text(), "Hi");
    let prompt = start(&DashScope, PATH, &json!({"input": {"prompt": "Hi"}}));
    assert_eq!(*prompt.messages.get().unwrap(), json!([{"role": "user", "content": "Hi"}]));

    let failed = format!(
        "{}event:error\nstatus:429\ndata:{}\n\n",
        events([event(json!({"content": "He"}), "null", 1)]),
        json!({"code": "Throttling", "message": "too fast", "request_id": "r1"}),
    );
    let (result, error) = read(&DashScope, &failed);
    assert_eq!(result.text(), "He");
    assert_eq!(error.unwrap().code.as_deref(), Some("Throttling"));
    let cut = events([event(json!({"content": "He"}), "null", 1)]);
    assert_eq!(read(&DashScope, &cut).1, Some(ProviderError::new("truncated")));
}

#[test]
fn conversations() {
    let streamed = events([
        json!({"type": "conversation.response.started", "conversation_id": "conv_1"}),
        json!({"type": "message.output.delta", "output_index": 0, "content": "He", "model": "m"}),
        json!({"type": "message.output.delta", "output_index": 0, "content": {"type": "text", "text": "llo"}}),
        json!({"type": "message.output.delta", "output_index": 0,
            "content": {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}}),
        json!({"type": "message.output.delta", "output_index": 0,
            "content": {"type": "tool_reference", "tool": "web_search", "title": "no"}}),
        json!({"type": "tool.execution.started", "output_index": 1, "name": "web_search", "arguments": "{}"}),
        json!({"type": "function.call.delta", "output_index": 2, "id": "fc_1", "name": "add",
            "tool_call_id": "t1", "arguments": "{\"a\":"}),
        json!({"type": "function.call.delta", "output_index": 2, "id": "fc_1", "name": "add",
            "tool_call_id": "t1", "arguments": "1}"}),
        json!({"type": "function.call.delta", "output_index": 3, "id": "fc_2", "name": "add",
            "tool_call_id": "t2", "arguments": "{}"}),
        json!({"type": "conversation.response.done",
            "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "connector_tokens": null}}),
    ]);
    let mut expected = json!({"text": "Hello", "reasoning": "hm", "finish": null, "usage": [5, 3],
        "calls": [["t1", "add", "{\"a\":1}"], ["t2", "add", "{}"]],
        "streamed": true, "id": "conv_1", "model": "m"});
    assert_eq!(facts(read(&MistralConversations, &streamed)), expected);

    let whole = json!({"object": "conversation.response", "conversation_id": "conv_1", "outputs": [
        {"type": "message.output", "model": "m", "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "Hello"}]},
        {"type": "tool.execution", "name": "web_search", "arguments": "{}"},
        {"type": "function.call", "tool_call_id": "t1", "name": "add", "arguments": {"a": 1}},
        {"type": "function.call", "tool_call_id": "t2", "name": "add", "arguments": "{}"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}});
    expected["streamed"] = json!(false);
    assert_eq!(facts(read(&MistralConversations, &whole.to_string())), expected);

    let failed = events([
        json!({"type": "message.output.delta", "output_index": 0, "content": "He"}),
        json!({"type": "conversation.response.error", "message": "no capacity", "code": 3505}),
    ]);
    let (result, error) = read(&MistralConversations, &failed);
    assert_eq!(result.text(), "He");
    assert_eq!(error, Some(ProviderError::new("no capacity").code("3505")));

    let body =
        json!({"inputs": "Hi", "agent_id": "ag", "stream": true, "instructions": "Be kind."});
    let start = start(&MistralConversations, "/v1/conversations", &body);
    assert_eq!((&*start.provider, start.stream, start.model), ("mistral_ai", true, None));
    assert_eq!(start.params["agent_id"], "ag");
    let prompt =
        json!([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]);
    assert_eq!(*start.messages.get().unwrap(), prompt);
}

#[test]
fn completions_of_llama_cpp() {
    let streamed = events([
        json!({"content": "", "stop": false, "prompt_progress": {"total": 3, "cache": 0, "processed": 3}}),
        json!({"index": 0, "content": "He", "tokens": [1], "stop": false}),
        json!({"index": 0, "content": "llo", "tokens": [2], "stop": false}),
        json!({"index": 0, "content": "", "stop": true, "model": "m", "stop_type": "limit",
            "tokens_predicted": 2, "tokens_evaluated": 3, "timings": {"prompt_n": 3}}),
    ]);
    let mut expected = json!({"text": "Hello", "reasoning": "", "calls": [], "finish": "limit",
        "usage": [3, 2], "streamed": true, "id": null, "model": "m"});
    assert_eq!(facts(read(&LlamaCppCompletion, &streamed)), expected);
    let open = &streamed[..streamed.find("data: {\"content\":\"\",\"index\"").unwrap()];
    let truncated = Some(ProviderError::new("truncated"));
    assert_eq!(read(&LlamaCppCompletion, open).1, truncated);

    let whole = json!({"content": "Hello", "stop": true, "model": "m", "stop_type": "limit",
        "tokens_predicted": 2, "tokens_evaluated": 3});
    expected["streamed"] = json!(false);
    assert_eq!(facts(read(&LlamaCppCompletion, &whole.to_string())), expected);

    let several = json!([{"index": 0, "content": "a", "stop": true}, {"index": 1, "content": "b", "stop": true}]);
    let headers = of_type(Some("application/json"));
    let mut decoder = LlamaCppCompletion.decoder(&LlmHttpResponse::new(StatusCode::OK, &headers));
    let mut sum = Accumulator::new();
    decoder.push(several.to_string().as_bytes(), &mut |delta| sum.delta(&delta));
    decoder.finish(&mut |delta| sum.delta(&delta));
    let result = sum.finish();
    assert_eq!(result.choices.iter().map(|it| &*it.text).collect::<Vec<_>>(), ["a", "b"]);

    // The input includes what was read from the cache.
    let mut cached = whole;
    cached["timings"] = json!({"prompt_n": 1, "predicted_n": 2, "cache_n": 2});
    let usage = read(&LlamaCppCompletion, &cached.to_string()).0.usage;
    assert_eq!(usage, Some(Usage::new(3, 2).cached(2, None)));

    // Each prompt is counted by itself.
    let part = |index: u32, input: u32, output: u32| json!({"index": index, "content": "a", "stop": true, "tokens_evaluated": input, "tokens_predicted": output});
    let expected = Some(Usage::new(4, 6));
    assert_eq!(
        read(&LlamaCppCompletion, &events([part(0, 3, 2), part(1, 1, 4)])).0.usage,
        expected
    );
    let whole = json!([part(0, 3, 2), part(1, 1, 4)]).to_string();
    assert_eq!(read(&LlamaCppCompletion, &whole).0.usage, expected);

    let body = json!({"input_prefix": "a", "input_suffix": "c", "prompt": "b", "n_predict": 4});
    let start = start(&LlamaCppCompletion, "/infill", &body);
    let prompt =
        json!([{"role": "user", "content": "b", "input_prefix": "a", "input_suffix": "c"}]);
    assert_eq!(*start.messages.get().unwrap(), prompt);
    assert_eq!((start.stream, &start.params["n_predict"]), (false, &json!(4)));
}

#[test]
fn text_generation_inference() {
    let token = |text: &str, special: bool| {
        json!({"index": 1, "token": {"id": 1, "text": text, "logprob": -0.1, "special": special},
            "generated_text": null, "details": null})
    };
    let mut last = token("</s>", true);
    last["generated_text"] = json!("Hello");
    last["details"] =
        json!({"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 4});
    // Old servers write no space behind the colon.
    let streamed =
        events([token("He", false), token("llo", false), last]).replace("data: ", "data:");
    let mut expected = json!({"text": "Hello", "reasoning": "", "calls": [], "finish": "eos_token",
        "usage": [4, 3], "streamed": true, "id": null, "model": null});
    // The index is the number of the token.
    let mut number = 0;
    let numbered = streamed.split("\"index\":1").map(|part| {
        number += 1;
        format!("{part}\"index\":{number}")
    });
    let numbered: String = numbered.collect();
    let numbered = numbered.strip_suffix(&format!("\"index\":{number}")).unwrap();
    assert!(numbered.contains("\"index\":3"));
    for all in [&streamed, numbered] {
        assert_eq!(facts(read(&TgiGenerate, all)), expected);
    }

    let whole = json!({"generated_text": "Hello",
        "details": {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 4}});
    expected["streamed"] = json!(false);
    assert_eq!(facts(read(&TgiGenerate, &whole.to_string())), expected);

    let failed =
        events([token("He", false), json!({"error": "overloaded", "error_type": "overloaded"})]);
    let error = Some(ProviderError::new("overloaded").code("overloaded"));
    assert_eq!(read(&TgiGenerate, &failed).1, error);

    let body = json!({"inputs": "Hi", "parameters": {"max_new_tokens": 5}});
    assert!(start(&TgiGenerate, "/generate_stream", &body).stream);
    let start = start(&TgiGenerate, "/generate", &body);
    assert!(!start.stream);
    assert_eq!(*start.messages.get().unwrap(), json!([{"role": "user", "content": "Hi"}]));
}

#[test]
fn text_generation_of_watsonx() {
    let event = |text: &str, reason: &str, input: u64, output: u64| {
        json!({"model_id": "ibm/m", "results": [{"generated_text": text, "stop_reason": reason,
            "input_token_count": input, "generated_token_count": output}]})
    };
    let streamed = events([
        event("", "not_finished", 4, 0),
        event("He", "not_finished", 0, 1),
        event("llo", "max_tokens", 0, 2),
    ]);
    let mut expected = json!({"text": "Hello", "reasoning": "", "calls": [], "finish": "max_tokens",
        "usage": [4, 2], "streamed": true, "id": null, "model": "ibm/m"});
    assert_eq!(facts(read(&WatsonxGeneration, &streamed)), expected);
    expected["streamed"] = json!(false);
    let whole = event("Hello", "max_tokens", 4, 2).to_string();
    assert_eq!(facts(read(&WatsonxGeneration, &whole)), expected);

    let body = json!({"model_id": "ibm/m", "input": "Hi", "parameters": {}});
    let of_model = start(&WatsonxGeneration, "/ml/v1/text/generation_stream?version=1", &body);
    assert_eq!((of_model.model.as_deref(), of_model.stream), (Some("ibm/m"), true));
    let path = "/ml/v1/deployments/d1/text/generation";
    let of_deployment = start(&WatsonxGeneration, path, &json!({"input": "Hi"}));
    assert_eq!(of_deployment.model.as_deref(), Some("d1"));
    assert_eq!((&*of_deployment.provider, of_deployment.stream), ("ibm.watsonx.ai", false));
}

#[test]
fn legacy_completions_of_anthropic() {
    let whole = json!({"type": "completion", "id": "compl_1", "completion": " Hi", "model": "claude-2.1",
        "stop_reason": "stop_sequence", "stop": "\n\nHuman:"});
    let expected = json!({"text": " Hi", "reasoning": "", "calls": [], "finish": "stop_sequence",
        "usage": null, "streamed": false, "id": "compl_1", "model": "claude-2.1"});
    assert_eq!(facts(read(&AnthropicComplete, &whole.to_string())), expected);
    let failed = events([
        json!({"type": "completion", "completion": " Hi", "stop_reason": null}),
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ]);
    let error = Some(ProviderError::new("Overloaded").code("overloaded_error"));
    assert_eq!(read(&AnthropicComplete, &failed).1, error);
}

/// The first schema of the API: `outputs` in the place of `steps`, and events of other names.
#[test]
fn interactions_of_the_first_schema() {
    let usage = json!({"total_input_tokens": 5, "total_output_tokens": 3});
    let complete = json!({"id": "i", "model": "m", "status": "completed", "usage": usage});
    let call = json!({"type": "function_call", "id": "c", "name": "add", "arguments": {"a": 1}});
    let thought = json!({"type": "text", "text": "hm"});
    let streamed = events([
        json!({"event_type": "interaction.start", "interaction": {"id": "i", "model": "m"}}),
        json!({"event_type": "content.start", "index": 0, "content": {"type": "thought"}}),
        json!({"event_type": "content.delta", "index": 0, "delta": {"type": "thought_summary", "content": thought}}),
        json!({"event_type": "content.stop", "index": 0}),
        json!({"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "Hel"}}),
        json!({"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "lo"}}),
        json!({"event_type": "content.delta", "index": 2, "delta": call}),
        json!({"event_type": "interaction.complete", "interaction": complete}),
    ]);
    let mut expected = json!({"text": "Hello", "reasoning": "hm", "finish": "completed",
        "usage": [5, 3], "calls": [["c", "add", "{\"a\":1}"]], "streamed": true, "id": "i", "model": "m"});
    assert_eq!(facts(read(&GeminiInteractions, &streamed)), expected);
    let mut whole = complete;
    let text = json!({"type": "text", "text": "Hello"});
    whole["outputs"] = json!([{"type": "thought", "summary": [thought]}, text, call]);
    expected["streamed"] = json!(false);
    assert_eq!(facts(read(&GeminiInteractions, &whole.to_string())), expected);
}

#[test]
fn interactions_that_do_not_complete() {
    let whole = |more: Value| {
        let mut body = json!({"object": "interaction", "id": "i1", "model": "g", "steps": [
            {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
            {"type": "model_output", "content": [{"type": "text", "text": "Hi"}]},
            {"type": "google_search_call", "id": "s", "arguments": {}},
            {"type": "function_call", "id": "t", "name": "add", "arguments": {"a": 1}}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&GeminiInteractions, &body.to_string())
    };
    let usage = json!({"total_input_tokens": 3, "total_output_tokens": 2, "total_thought_tokens": 4, "total_tokens": 9});
    let expected = json!({"text": "Hi", "reasoning": "hm", "calls": [["t", "add", "{\"a\":1}"]],
        "finish": "requires_action", "usage": [3, 6], "streamed": false, "id": "i1", "model": "g"});
    assert_eq!(facts(whole(json!({"status": "requires_action", "usage": usage}))), expected);
    let (failed, error) = whole(json!({"status": "failed"}));
    assert_eq!((failed.text(), error.unwrap().code.as_deref()), ("Hi", Some("failed")));
    for status in ["queued", "in_progress"] {
        let (open, error) = whole(json!({"status": status, "steps": []}));
        assert_eq!(open.choices[0].finish_reason.as_deref(), Some(status));
        assert_eq!((open.usage, error), (None, None));
    }
    let broken = events([
        json!({"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}}),
        json!({"event_type": "error", "error": {"code": "resource_exhausted", "message": "no quota"}}),
    ]);
    let error = Some(ProviderError::new("no quota").code("resource_exhausted"));
    assert_eq!(read(&GeminiInteractions, &broken).1, error);
    // A mark of the end without the last event, after a status that ends.
    let mut marked = events([
        json!({"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}}),
        json!({"event_type": "interaction.status_update", "interaction_id": "i", "status": "incomplete"}),
    ]);
    marked += "event: done\ndata: [DONE]\n\n";
    assert_eq!(facts(read(&GeminiInteractions, &marked))["finish"], "incomplete");
}

#[test]
fn answers_of_cohere() {
    let failed = events([
        json!({"type": "message-start", "id": "c1"}),
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "the model failed"}}),
    ]);
    assert_eq!(read(&CohereChat, &failed).1, Some(ProviderError::new("the model failed")));

    let tools = json!({"text": "", "generation_id": "g1", "finish_reason": "COMPLETE",
        "tool_calls": [{"name": "add", "parameters": {"a": 1}}],
        "meta": {"billed_units": {"input_tokens": 3.0, "output_tokens": 2.0}}});
    let expected = json!({"text": "", "reasoning": "", "calls": [["", "add", "{\"a\":1}"]],
        "finish": "COMPLETE", "usage": [3, 2], "streamed": false, "id": "g1", "model": null});
    assert_eq!(facts(read(&CohereChat, &tools.to_string())), expected);

    let two = json!({"id": "g", "generations": [
        {"id": "a", "text": "One", "finish_reason": "COMPLETE"},
        {"id": "b", "text": "Two", "finish_reason": "MAX_TOKENS"}]});
    let (result, _) = read(&CohereGenerate, &two.to_string());
    let texts: Vec<_> =
        result.choices.iter().map(|it| (&*it.text, it.finish_reason.as_deref())).collect();
    assert_eq!(texts, [("One", Some("COMPLETE")), ("Two", Some("MAX_TOKENS"))]);

    let body = json!({"model": "command-r", "preamble": "Be kind.", "message": "And you?", "stream": true,
        "chat_history": [{"role": "USER", "message": "Hi"}], "temperature": 0.5});
    let start = start(&CohereChat, "/v1/chat", &body);
    assert_eq!((&*start.provider, &*start.api, start.stream), ("cohere", "chat", true));
    let prompt = json!([{"role": "system", "content": "Be kind."}, {"role": "USER", "message": "Hi"},
        {"role": "user", "content": "And you?"}]);
    assert_eq!(*start.messages.get().unwrap(), prompt);
    assert_eq!(start.params.keys().collect::<Vec<_>>(), ["temperature"]);
}

#[test]
fn models_of_vertex_are_in_the_path() {
    let prefix = "/v1/projects/p/locations/l/publishers";
    let path = format!("{prefix}/anthropic/models/claude@1:streamRawPredict");
    let claude = start(&AnthropicMessages, &path, &json!({"messages": [], "stream": true}));
    assert_eq!((&*claude.provider, claude.model.as_deref()), ("gcp.vertex_ai", Some("claude@1")));
    assert!(claude.stream);
    let path = format!("{prefix}/mistralai/models/codestral:streamRawPredict");
    let mistral = start(&OpenAiChat, &path, &json!({"prompt": "a", "suffix": "b"}));
    assert_eq!(
        (&*mistral.provider, mistral.model.as_deref()),
        ("gcp.vertex_ai", Some("codestral"))
    );
    assert!(mistral.stream);
    let count = format!("{prefix}/anthropic/models/count-tokens:rawPredict");
    assert!(!AnthropicMessages.matches(&Method::POST, &count));
    assert!(!OpenAiChat.matches(&Method::POST, &count));
}

#[test]
fn a_compaction_has_usage_and_no_text() {
    let body = json!({"object": "response.compaction", "id": "resp_1", "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "kept"}]},
        {"type": "compaction", "encrypted_content": "x"}],
        "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}});
    let expected = json!({"text": "", "reasoning": "", "calls": [], "finish": null, "usage": [5, 7],
        "streamed": false, "id": "resp_1", "model": null});
    assert_eq!(facts(read(&OpenAiResponses, &body.to_string())), expected);
}

#[test]
fn the_body_of_an_abort_is_an_error_of_the_api() {
    let formats: [&dyn Format; 8] = [
        &CohereChat,
        &CohereGenerate,
        &GeminiInteractions,
        &MistralConversations,
        &AnthropicComplete,
        &LlamaCppCompletion,
        &TgiGenerate,
        &WatsonxGeneration,
    ];
    for format in formats {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let error = format.error(status, &format.error_body(status, "over \"budget\""));
        assert_eq!((&*error.message, error.status), ("over \"budget\"", Some(429)), "{format:?}");
    }
}

/// Some servers send a message in place of a delta: what is new, or all so far, or behind the deltas all of them again.
#[test]
fn streams_of_messages() {
    let message = |message: Value| json!({"choices": [{"index": 0, "message": message}]});
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let end = json!({"choices": [{"index": 0, "message": {}, "finish_reason": "stop"}]});
    let text = |text: &str| message(json!({"content": text, "reasoning_content": "Hm"}));
    let call = json!([{"id": "c", "function": {"name": "f", "arguments": "{\"a\":1}"}}]);
    let with_call = message(json!({"content": "Hello", "tool_calls": call}));
    for (events, calls) in [
        (vec![text("Hel"), text("lo"), end.clone()], json!([])),
        (vec![text("Hel"), text("Hello"), text("Hello"), end.clone()], json!([])),
        (
            vec![
                delta(json!({"reasoning_content": "Hm"})),
                delta(json!({"content": "Hello"})),
                with_call.clone(),
                with_call,
                end,
            ],
            json!([["c", "f", "{\"a\":1}"]]),
        ),
    ] {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let facts = facts(read(&OpenAiChat, &body));
        assert_eq!(
            [&facts["text"], &facts["reasoning"], &facts["calls"], &facts["finish"]],
            [&json!("Hello"), &json!("Hm"), &calls, &json!("stop")],
            "{body}"
        );
    }
}

#[test]
fn choices_that_share_an_index_are_choices() {
    let choice =
        |text: &str| json!({"index": 0, "message": {"content": text}, "finish_reason": "stop"});
    let body = json!({"object": "chat.completion", "choices": [choice("A"), choice("B")]});
    let (result, error) = read(&OpenAiChat, &body.to_string());
    assert_eq!(error, None);
    let texts: Vec<&str> = result.choices.iter().map(|choice| choice.text.as_str()).collect();
    assert_eq!(texts, ["A", "B"]);
}

/// Reasons that say that the provider failed.
#[test]
fn failures_by_finish_reason() {
    for reason in ["error", "insufficient_system_resource", "network_error"] {
        let choice = json!({"index": 0, "delta": {"content": "Hel"}, "finish_reason": reason});
        let (result, error) = read(&OpenAiChat, &events([json!({"choices": [choice]})]));
        assert!(error.is_some_and(|error| &*error.message != "truncated"), "{reason}");
        assert_eq!(result.choices[0].text, "Hel");
    }
    for reason in ["ERROR", "TIMEOUT", "ERROR_TOXIC"] {
        let end = json!({"type": "message-end", "delta": {"finish_reason": reason}});
        let (_, error) = read(&CohereChat, &events([end]));
        assert!(error.is_some_and(|error| &*error.message != "truncated"), "{reason}");
    }
}

/// Adapters make ids that are not unique. A call is repeated if everything is the same.
#[test]
fn gemini_calls_that_share_an_id() {
    let call = |name: &str, args: Value| json!({"functionCall": {"id": "call_0", "name": name, "args": args}});
    let parts = [
        call("f", json!({"a": 1})),
        call("g", json!({"a": 1})),
        call("g", json!({"b": 2})),
        call("g", json!({"b": 2})),
    ];
    let candidate = json!({"content": {"parts": parts}, "finishReason": "STOP"});
    let facts = facts(read(&Gemini, &events([json!({"candidates": [candidate]})])));
    assert_eq!(
        facts["calls"],
        json!([
            ["call_0", "f", "{\"a\":1}"],
            ["call_0", "g", "{\"a\":1}"],
            ["call_0", "g", "{\"b\":2}"]
        ])
    );
}

/// A success that wraps an answer is not quoted as an error.
#[test]
fn wrapped_answers_are_unexpected() {
    for body in [
        json!({"code": 0, "message": "ok", "data": {"choices": []}}),
        json!({"success": true, "errors": [], "result": {"choices": []}}),
    ] {
        let (_, error) = read(&OpenAiChat, &body.to_string());
        let error = error.unwrap();
        assert_eq!(
            (&*error.message, error.code),
            ("the response is not an answer of this API", None)
        );
    }
}

/// A zero is a count where others stand beside it: the output of a refusal. A report that is all zero says nothing.
#[test]
fn zeros_of_the_last_report() {
    let start = json!({"type": "message_start", "message": {"type": "message", "content": [],
        "usage": {"input_tokens": 12, "cache_read_input_tokens": 30, "output_tokens": 1}}});
    for (last, usage) in [
        (json!({"output_tokens": 0}), [Some(42), Some(0)]),
        (
            json!({"input_tokens": 12, "cache_read_input_tokens": 0, "output_tokens": 0}),
            [Some(12), Some(0)],
        ),
        (
            json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5}),
            [Some(42), Some(5)],
        ),
        (
            json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}),
            [Some(42), Some(1)],
        ),
    ] {
        let delta =
            json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": last});
        let body = events([start.clone(), delta, json!({"type": "message_stop"})]);
        let found = read(&AnthropicMessages, &body).0.usage.unwrap();
        assert_eq!([found.input_tokens, found.output_tokens], usage, "{last}");
    }
}
