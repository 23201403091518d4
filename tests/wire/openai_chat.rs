//! OpenAI's Chat Completions and legacy Completions, and their dialects: every rule of the mapping,
//! whatever the cuts.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::wire::{cut, event_stream, word};
use tower_llm_callbacks::{
    Delta, LlmStart, ProviderError, Usage,
    event::Accumulator,
    wire::{
        Decoder, Format, LlmHttpRequest, Match,
        openai_chat::{OpenAiChat, OpenAiChatDecoder, OpenAiCompletions},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"data: [DONE]\n\n")
}

/// What a streamed body says: the same whole, in single bytes and in small pieces.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(OpenAiChatDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(decode(OpenAiChatDecoder::new(), body.chunks(size)), whole, "pieces of {size}");
    }
    whole
}

/// What a whole body says, likewise, also where a stream was announced.
fn answer(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(OpenAiChatDecoder::whole(), [body]);
    assert_eq!(decode(OpenAiChatDecoder::whole(), body.chunks(1)), whole);
    whole
}

fn whole(body: &Value) -> Vec<Delta<'static>> {
    let body = body.to_string();
    let all = answer(body.as_bytes());
    assert_eq!(stream(&body), all);
    all
}

/// The event stream of JSON texts.
fn sse<S: ToString>(events: impl IntoIterator<Item = S>) -> String {
    events.into_iter().map(|event| format!("data: {}\n\n", event.to_string())).collect()
}

fn events<S: ToString>(events: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&sse(events))
}

/// What the deltas of a single choice say.
fn deltas(deltas: impl IntoIterator<Item = Value>) -> Vec<Delta<'static>> {
    events(deltas.into_iter().map(|delta| chunk(0, &delta)))
}

fn chunk(index: u64, delta: &Value) -> Value {
    json!({"object": "chat.completion.chunk",
        "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": null}]})
}

fn text(index: u64, text: &str) -> Value {
    chunk(index, &json!({"content": text}))
}

fn last(index: u64, reason: &str) -> Value {
    json!({"choices": [{"index": index, "delta": {}, "finish_reason": reason}]})
}

fn done() -> Value {
    Value::Null
}

/// The same, with `[DONE]` for the end.
fn with_done(chunks: impl IntoIterator<Item = Value>) -> Vec<Delta<'static>> {
    events(chunks.into_iter().map(|chunk| match chunk {
        Value::Null => "[DONE]".to_owned(),
        chunk => chunk.to_string(),
    }))
}

fn response(id: &str, model: &str) -> Delta<'static> {
    let filled = |text: &str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    Delta::Response { id: filled(id), model: filled(model) }
}

fn of(choice: u32, text: &str) -> Delta<'static> {
    Delta::Text { choice, text: text.to_owned().into() }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn refusal(text: &str) -> Delta<'static> {
    Delta::Refusal { choice: 0, text: text.to_owned().into() }
}

fn finish(choice: u32, reason: &str) -> Delta<'static> {
    Delta::Finish { choice, reason: reason.to_owned().into() }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn tool(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    let filled = |text: &str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    let arguments = arguments.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: filled(id), name: filled(name), arguments }
}

fn error(message: &str, code: Option<&str>) -> Delta<'static> {
    let mut error = ProviderError::new(message);
    error.code = code.map(Into::into);
    Delta::Error(error)
}

/// What deltas add up to, but for how they came.
fn sum(deltas: &[Delta<'_>]) -> Value {
    let mut answer = Accumulator::new();
    for delta in deltas {
        answer.delta(delta);
    }
    let mut result = serde_json::to_value(answer.finish()).unwrap();
    result["streamed"] = Value::Null;
    result["tokens"] = Value::Null;
    result
}

mod content {
    use super::*;

    #[test]
    fn a_text() {
        let base = |delta: Value, finish: Value, usage: Value| {
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt",
            "service_tier": "default", "system_fingerprint": "fp", "usage": usage, "obfuscation": "x7",
            "choices": if delta.is_null() { json!([]) } else {
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}])
            }})
        };
        let counts = json!({"prompt_tokens": 17, "completion_tokens": 5, "total_tokens": 22});
        let null = Value::Null;
        let all = with_done([
            base(
                json!({"role": "assistant", "content": "", "refusal": null}),
                null.clone(),
                null.clone(),
            ),
            base(json!({"content": "Héllo"}), null.clone(), null.clone()),
            base(json!({"content": " 東京 👋\n\"quoted\""}), null.clone(), null.clone()),
            base(json!({}), json!("stop"), null.clone()),
            base(null.clone(), null, counts.clone()),
            done(),
            text(0, "after the end"),
        ]);
        let expected = [
            response("chatcmpl-1", "gpt"),
            Delta::text("Héllo"),
            Delta::text(" 東京 👋\n\"quoted\""),
            Delta::finish("stop"),
            usage(Usage::new(17, 5), counts),
            Delta::Done,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_no_content() {
        for delta in [
            json!({}),
            json!({"role": "assistant"}),
            json!({"role": "assistant", "content": ""}),
            json!({"role": "assistant", "content": null, "tool_calls": null, "refusal": null}),
            json!({"reasoning": "", "reasoning_content": null, "reasoning_details": []}),
            json!({"tool_calls": [], "function_call": null}),
            json!({"tool_calls": [{}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}),
            json!({"function_call": {}}),
            json!({"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}),
            json!({"audio": {"id": "audio_1", "transcript": "spoken", "data": "UklGRg=="}}),
            json!({"content": [], "p": "abc"}),
            json!({"of_the_future": "x"}),
        ] {
            assert_eq!(deltas([delta.clone()]), [], "{delta}");
        }
        for body in [
            json!({}),
            json!({"choices": null}),
            json!({"choices": []}),
            json!({"choices": {}, "error": null}),
            json!({"choices": [{}]}),
            json!({"choices": [{"index": 0}]}),
            json!({"choices": [null, 7, "x", []]}),
            json!({"choices": [{"index": 0, "delta": null, "finish_reason": null}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": ""}]}),
            json!({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
            json!({"choices": [], "usage": null, "moderation": {"results": []}}),
            json!({"choices": [], "usage": {}}),
            json!({"choices": [], "usage": {"prompt_tokens": null}}),
            json!({"choices": [], "x_groq": {"id": "req_1"}}),
        ] {
            assert_eq!(events([&body]), [], "{body}");
        }
    }

    #[test]
    fn a_refusal() {
        let all = deltas([json!({"refusal": "I "}), json!({"content": null, "refusal": "can't"})]);
        assert_eq!(all, [refusal("I "), refusal("can't")]);
    }

    #[test]
    fn reasoning_by_whatever_name_and_never_twice() {
        let details = |all: Value| json!({"content": "", "reasoning_details": all});
        let part = |text: &str| json!({"type": "reasoning.text", "text": text, "index": 0});
        let sealed = json!({"type": "reasoning.encrypted", "data": "c2VjcmV0"});
        for (delta, expected) in [
            (json!({"reasoning_content": "a", "content": null}), vec![reasoning("a")]),
            (json!({"reasoning": "a", "content": ""}), vec![reasoning("a")]),
            (json!({"reasoning_content": "a", "reasoning": "a"}), vec![reasoning("a")]),
            (json!({"reasoning_content": "", "reasoning": "a"}), vec![reasoning("a")]),
            (json!({"reasoning": "a", "reasoning_details": [part("a")]}), vec![reasoning("a")]),
            (
                details(json!([part("a"), sealed, part(""), part("b")])),
                vec![reasoning("a"), reasoning("b")],
            ),
            (details(json!([sealed])), vec![]),
            (json!({"reasoning": null, "reasoning_details": [part("a")]}), vec![reasoning("a")]),
            (json!({"reasoning": "a", "content": "b"}), vec![reasoning("a"), Delta::text("b")]),
            (json!({"reasoning": {"effort": "low"}, "content": "b"}), vec![Delta::text("b")]),
        ] {
            assert_eq!(deltas([delta.clone()]), expected, "{delta}");
        }
    }

    #[test]
    fn content_in_parts() {
        let thinking = |inner: Value| json!({"type": "thinking", "thinking": inner});
        for (content, expected) in [
            (
                json!([thinking(json!([{"type": "text", "text": "hm"}, {"type": "text", "text": ""}])),
                    {"type": "text", "text": "Yes"}]),
                vec![reasoning("hm"), Delta::text("Yes")],
            ),
            (json!([thinking(json!("hm"))]), vec![reasoning("hm")]),
            (json!([{"text": "a"}, null, "b", {"type": "text"}]), vec![Delta::text("a")]),
            (json!([{"type": "reference", "reference_ids": [1], "text": "x"}]), vec![]),
            (json!({"type": "text", "text": "x"}), vec![]),
            (json!(7), vec![]),
        ] {
            assert_eq!(deltas([json!({"content": content})]), expected, "{content}");
        }
        let mirrored = json!({"reasoning_content": "hm", "content": [thinking(json!("hm"))]});
        assert_eq!(deltas([mirrored]), [reasoning("hm")]);
    }

    #[test]
    fn several_choices_by_index() {
        let all = with_done([
            json!({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]}),
            text(1, "B"),
            last(1, "length"),
            text(0, "A"),
            json!({"choices": [{"delta": {"content": "!"}}, {"delta": {"content": "?"}}]}),
            last(0, "stop"),
            done(),
        ]);
        let expected = [
            of(1, "b"),
            of(0, "a"),
            of(1, "B"),
            finish(1, "length"),
            of(0, "A"),
            of(0, "!"),
            of(1, "?"),
            finish(0, "stop"),
            Delta::Done,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn indices_of_other_types_count_as_missing() {
        for index in [json!(null), json!("0"), json!(-1), json!(0.5), json!(u64::MAX), json!([1])] {
            let all = events([json!({"choices": [{"index": index, "delta": {"content": "a"}}]})]);
            assert_eq!(all, [Delta::text("a")], "{index}");
        }
    }

    #[test]
    fn the_message_beside_the_delta_repeats_it() {
        let both = |delta: &str, message: &str| json!({"choices": [{"index": 0, "delta": {"content": delta}, "message": {"content": message}}]});
        // Writer's the delta, Perplexity's all of them.
        assert_eq!(events([both("a", "a"), both("b", "b")]), [Delta::text("a"), Delta::text("b")]);
        assert_eq!(events([both("a", "a"), both("b", "ab")]), [Delta::text("a"), Delta::text("b")]);
        let message = json!({"choices": [{"index": 0, "message": {"content": "all"}, "finish_reason": "stop"}]});
        // It stands alone where a whole answer comes as an event.
        assert_eq!(events([&message]), [Delta::text("all"), Delta::finish("stop"), Delta::Done]);
        let all = events([&text(0, "all"), &message]);
        assert_eq!(all, [Delta::text("all"), Delta::finish("stop"), Delta::Done]);
    }

    #[test]
    fn legacy_completions() {
        let chunk = |index: u64, text: &str, finish: Value| {
            json!({"id": "cmpl-1", "object": "text_completion", "model": "davinci",
                "choices": [{"text": text, "index": index, "logprobs": null, "finish_reason": finish}]})
        };
        let all = with_done([
            chunk(0, "a", Value::Null),
            chunk(1, "b", Value::Null),
            chunk(0, "", json!("stop")),
            chunk(1, "c", json!("length")),
            done(),
        ]);
        let expected = [
            response("cmpl-1", "davinci"),
            of(0, "a"),
            of(1, "b"),
            finish(0, "stop"),
            of(1, "c"),
            finish(1, "length"),
            Delta::Done,
        ];
        assert_eq!(all, expected);
        let mut whole_answer = chunk(0, "a", json!("stop"));
        whole_answer["usage"] = json!({"prompt_tokens": 1, "completion_tokens": 1});
        let expected = [
            Delta::NotStreamed,
            response("cmpl-1", "davinci"),
            of(0, "a"),
            finish(0, "stop"),
            usage(Usage::new(1, 1), whole_answer["usage"].clone()),
            Delta::Done,
        ];
        assert_eq!(whole(&whole_answer), expected);
    }

    #[test]
    fn who_answers_is_told_once() {
        let chunk = |id: &str, model: &str| json!({"id": id, "model": model, "choices": []});
        let all = events([
            chunk("", ""),
            chunk("i", ""),
            chunk("i", "m"),
            chunk("other", "other"),
            json!({"id": 7, "model": null}),
        ]);
        assert_eq!(all, [response("i", ""), response("", "m")]);
        assert_eq!(events([chunk("i", "/models/a.gguf")]), [response("i", "/models/a.gguf")]);
    }

    #[test]
    fn members_of_other_types_do_not_cost_the_chunk() {
        let all = events([
            json!({"id": 1, "model": {}, "object": [], "usage": "none", "x_groq": 1, "created": "x",
                "choices": [{"index": 0, "message": "x", "text": 1.5, "finish_reason": ["x"], "delta":
                    {"content": "a", "refusal": true, "reasoning": 1, "reasoning_content": [], "reasoning_details":
                        "x", "tool_calls": {"index": 0}, "function_call": "x"}}]}),
            json!({"choices": [{"delta": {"tool_calls": [1, {"index": 0, "id": 7, "function": "f", "custom": []},
                {"id": "i", "function": {"name": "n", "arguments": 7}}], "content": "b"}}]}),
            json!({"choices": [{"delta": "x", "text": "c"}]}),
        ]);
        let expected =
            [Delta::text("a"), Delta::text("b"), tool(0, "i", "n", ""), Delta::text("c")];
        assert_eq!(all, expected);
    }
}

mod tools {
    use super::*;

    #[allow(clippy::needless_pass_by_value)]
    fn calls(calls: Value) -> Value {
        json!({ "tool_calls": calls })
    }

    fn open(index: u64, id: &str, name: &str, arguments: &str) -> Value {
        calls(json!([{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}]))
    }

    fn more(index: u64, arguments: &str) -> Value {
        calls(json!([{"index": index, "function": {"arguments": arguments}}]))
    }

    #[test]
    fn parallel_calls_by_index() {
        let all = deltas([
            open(0, "call_1", "weather", ""),
            more(0, ""),
            more(0, "{\"city\": \"Pa"),
            open(1, "call_2", "time", "{"),
            more(0, "ris\"}"),
            more(1, "}"),
            open(2, "call_3", "noargs", ""),
        ]);
        let expected = [
            tool(0, "call_1", "weather", ""),
            tool(0, "", "", "{\"city\": \"Pa"),
            tool(1, "call_2", "time", "{"),
            tool(0, "", "", "ris\"}"),
            tool(1, "", "", "}"),
            tool(2, "call_3", "noargs", ""),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn indices_that_begin_at_one() {
        let all = deltas([open(1, "a", "n", "{"), more(1, "}"), open(2, "b", "m", "{}")]);
        let expected = [tool(0, "a", "n", "{"), tool(0, "", "", "}"), tool(1, "b", "m", "{}")];
        assert_eq!(all, expected);
    }

    #[test]
    fn calls_that_all_have_the_index_zero() {
        let all = deltas([open(0, "a", "n", "{}"), open(0, "b", "n", "{"), more(0, "}")]);
        let expected = [tool(0, "a", "n", "{}"), tool(1, "b", "n", "{"), tool(1, "", "", "}")];
        assert_eq!(all, expected);
    }

    #[test]
    fn ids_and_names_that_are_said_again() {
        let again =
            |id: &str| calls(json!([{"index": 0, "id": id, "function": {"arguments": "1"}}]));
        let all = deltas([
            open(0, "a", "n", "1"),
            open(0, "a", "n", "1"),
            again("a"),
            // A new one for each fragment, as vLLM had it.
            again("b"),
            again(""),
        ]);
        let part = || tool(0, "", "", "1");
        assert_eq!(all, [tool(0, "a", "n", "1"), part(), part(), part(), part()]);
    }

    #[test]
    fn an_id_or_a_name_that_comes_late() {
        let all = deltas([
            more(0, "{"),
            calls(json!([{"index": 0, "id": "a"}])),
            calls(json!([{"index": 0, "function": {"name": "n", "arguments": "}"}}])),
        ]);
        assert_eq!(all, [tool(0, "", "", "{"), tool(0, "a", "", ""), tool(0, "", "n", "}")]);
    }

    #[test]
    fn without_indices() {
        let open =
            |id: &str, name: &str| json!({"id": id, "function": {"name": name, "arguments": "{"}});
        let more = |id: &str, text: &str| json!({"id": id, "function": {"arguments": text}});
        let close = || json!({"function": {"arguments": "}"}});
        // By id.
        let all = deltas([
            calls(json!([open("a", "n"), open("b", "m")])),
            calls(json!([more("b", "1")])),
            calls(json!([more("a", "2")])),
        ]);
        let expected = [
            tool(0, "a", "n", "{"),
            tool(1, "b", "m", "{"),
            tool(1, "", "", "1"),
            tool(0, "", "", "2"),
        ];
        assert_eq!(all, expected);
        // By position.
        let all = deltas([
            calls(json!([open("a", "n"), open("b", "m")])),
            calls(json!([close(), close()])),
        ]);
        let expected = [
            tool(0, "a", "n", "{"),
            tool(1, "b", "m", "{"),
            tool(0, "", "", "}"),
            tool(1, "", "", "}"),
        ];
        assert_eq!(all, expected);
        // One after the other.
        let all = deltas([
            calls(json!([open("a", "n")])),
            calls(json!([close()])),
            calls(json!([open("b", "m")])),
            calls(json!([close()])),
            calls(json!([open("", "o")])),
            calls(json!([open("", "p")])),
            calls(json!([close()])),
        ]);
        let expected = [
            tool(0, "a", "n", "{"),
            tool(0, "", "", "}"),
            tool(1, "b", "m", "{"),
            tool(1, "", "", "}"),
            tool(2, "", "o", "{"),
            tool(3, "", "p", "{"),
            tool(3, "", "", "}"),
        ];
        assert_eq!(all, expected);
        // Where only the opening has one.
        let all = deltas([super::tools::open(5, "a", "n", "{"), calls(json!([close()]))]);
        assert_eq!(all, [tool(0, "a", "n", "{"), tool(0, "", "", "}")]);
    }

    #[test]
    fn arguments_that_are_an_object() {
        let call = |arguments: Value| {
            calls(
                json!([{"index": 0, "id": "a", "function": {"name": "n", "arguments": arguments}}]),
            )
        };
        for (arguments, expected) in [
            (json!({"a": [1, 2.5, "ü"], "b": null}), r#"{"a":[1,2.5,"ü"],"b":null}"#),
            (json!({}), ""),
            (json!(null), ""),
            (json!([1]), ""),
            (json!("{}"), "{}"),
        ] {
            assert_eq!(deltas([call(arguments)]), [tool(0, "a", "n", expected)]);
        }
    }

    #[test]
    fn the_legacy_function_call() {
        let call = |function: Value| json!({ "function_call": function });
        let all = deltas([
            call(json!({"name": "n", "arguments": ""})),
            call(json!({"arguments": "{"})),
            call(json!({"arguments": "}"})),
        ]);
        assert_eq!(all, [tool(0, "", "n", ""), tool(0, "", "", "{"), tool(0, "", "", "}")]);
        // Some send the same under both names.
        let mut both = open(0, "a", "n", "{}");
        both["function_call"] = json!({"name": "n", "arguments": "{}"});
        assert_eq!(deltas([both]), [tool(0, "a", "n", "{}")]);
    }

    #[test]
    fn tools_whose_input_is_text() {
        let all = deltas([
            calls(
                json!([{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": ""}}]),
            ),
            calls(json!([{"index": 0, "custom": {"input": "SELECT 1"}}])),
        ]);
        assert_eq!(all, [tool(0, "a", "sql", ""), tool(0, "", "", "SELECT 1")]);
    }

    #[test]
    fn each_choice_has_its_own() {
        let all = events([
            chunk(0, &open(0, "a", "n", "1")),
            chunk(1, &open(0, "b", "m", "2")),
            chunk(0, &more(0, "3")),
        ]);
        let other = Delta::ToolCall {
            choice: 1,
            index: 0,
            id: Some("b".into()),
            name: Some("m".into()),
            arguments: "2".into(),
        };
        assert_eq!(all, [tool(0, "a", "n", "1"), other, tool(0, "", "", "3")]);
    }
}

mod the_end {
    use super::*;

    #[test]
    fn a_finish_reason_is_told_once_and_after_the_content() {
        let chunk = |delta: Value, finish: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        let call = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "n", "arguments": "{"}}]});
        let all = with_done([
            chunk(json!({"content": "a", "reasoning": "b"}), json!("stop")),
            // Said again, on the chunk with the usage.
            chunk(json!({"role": "assistant", "content": ""}), json!("stop")),
            chunk(json!({}), Value::Null),
            chunk(call, json!("tool_calls")),
            done(),
        ]);
        let expected = [
            reasoning("b"),
            Delta::text("a"),
            Delta::finish("stop"),
            tool(0, "a", "n", "{"),
            Delta::finish("tool_calls"),
            Delta::Done,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn without_an_end_mark_every_choice_has_to_be_finished() {
        let is_done = |chunks: Vec<Value>| events(chunks).contains(&Delta::Done);
        assert!(is_done(vec![text(0, "a"), last(0, "stop")]));
        assert!(is_done(vec![
            last(0, "stop"),
            json!({"choices": [], "usage": {"prompt_tokens": 1}})
        ]));
        assert!(is_done(vec![text(0, "a"), text(1, "b"), last(1, "stop"), last(0, "stop")]));
        // Azure's filter speaks of the choice once more.
        let filter = json!({"choices": [{"index": 0, "finish_reason": null, "content_filter_results": {},
            "content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 2}}]});
        assert!(is_done(vec![filter.clone(), text(0, "a"), last(0, "stop"), filter.clone()]));
        assert!(!is_done(vec![text(0, "a"), text(1, "b"), last(1, "stop")]));
        assert!(!is_done(vec![text(0, "a")]));
        assert!(!is_done(vec![chunk(0, &json!({"role": "assistant"}))]));
        assert!(!is_done(vec![filter]));
        assert!(!is_done(vec![
            json!({"choices": []}),
            json!({"choices": [], "usage": {"prompt_tokens": 1}})
        ]));
        assert!(!is_done(vec![]));
    }

    #[test]
    fn perplexity() {
        let chunk = |object: &str, id: &str, delta: &str, all: &str, finish: Value| {
            let count = all.len();
            json!({"id": id, "model": "sonar", "object": object, "citations": ["https://a.example"],
                "usage": {"prompt_tokens": 2, "completion_tokens": count, "total_tokens": 2 + count},
                "choices": [{"index": 0, "finish_reason": finish,
                    "message": {"role": "assistant", "content": all}, "delta": {"role": "assistant", "content": delta}}]})
        };
        let piece = "chat.completion.chunk";
        for reason in [json!("stop"), Value::Null] {
            let all = events([
                chunk(piece, "i", "a", "a", Value::Null),
                chunk(piece, "i", "b", "ab", Value::Null),
                chunk("chat.completion.done", "other", "", "ab", reason.clone()),
            ]);
            let counts = |count: u64| {
                let raw = json!({"prompt_tokens": 2, "completion_tokens": count, "total_tokens": 2 + count});
                usage(Usage::new(2, count), raw)
            };
            let mut expected = vec![
                response("i", "sonar"),
                Delta::text("a"),
                counts(1),
                Delta::text("b"),
                counts(2),
                Delta::finish("stop"),
                counts(2),
                Delta::Done,
            ];
            if reason.is_null() {
                expected.remove(5);
            }
            assert_eq!(all, expected);
        }
        let mut answer = chunk("chat.completion", "i", "", "ab", json!("stop"));
        answer["usage"] = Value::Null;
        let expected = [
            Delta::NotStreamed,
            response("i", "sonar"),
            Delta::text("ab"),
            Delta::finish("stop"),
            Delta::Done,
        ];
        assert_eq!(whole(&answer), expected);
    }

    #[test]
    fn snowflake() {
        let chunk = |text: &str| {
            json!({"id": "", "model": "claude", "choices": [{"delta": {"content": "", "content_list": [],
                "reasoning_details": [{"type": "reasoning", "text": text}]}}], "usage": {}})
        };
        // It has no finish reason anywhere.
        let expected = [response("", "claude"), reasoning("a"), reasoning("b"), Delta::Done];
        assert_eq!(with_done([chunk("a"), chunk("b"), done()]), expected);
    }

    #[test]
    fn the_end_mark_without_its_blank_line() {
        for end in ["data: [DONE]", "data:[DONE]", "data: [DONE]\n", "data: [DONE] \r\n\r\n"] {
            let body = format!("{}{end}", sse([text(0, "a")]));
            assert_eq!(stream(&body), [Delta::text("a"), Delta::Done], "{end}");
        }
    }

    #[test]
    fn an_answer_may_be_empty() {
        assert_eq!(with_done([done()]), [Delta::Done]);
        assert_eq!(with_done([last(0, "length"), done()]), [Delta::finish("length"), Delta::Done]);
    }
}

mod usages {
    use super::*;

    fn told(raw: &Value) -> Usage {
        let all = events([json!({"choices": [], "usage": raw})]);
        let [Delta::Usage { usage, raw: Some(told) }] = &all[..] else { panic!("{all:?}") };
        assert_eq!(&**told, raw);
        *usage
    }

    fn total(mut usage: Usage, total: u64) -> Usage {
        usage.total_tokens = total;
        usage
    }

    #[test]
    fn counts() {
        for (raw, expected) in [
            (
                json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
                    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3, "audio_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0}}),
                Usage::new(10, 7).cached(4, 3).reasoning(5),
            ),
            // Writer's name.
            (
                json!({"prompt_tokens": 10, "completion_tokens": 7, "prompt_token_details": {"cached_tokens": 4},
                    "completion_tokens_details": null}),
                Usage::new(10, 7).cached(4, 0),
            ),
            // DeepSeek's.
            (
                json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
                    "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}),
                Usage::new(10, 7).cached(8, 0),
            ),
            (
                json!({"prompt_tokens": 10, "prompt_cache_hit_tokens": 8, "prompt_tokens_details": {"cached_tokens": 8}}),
                Usage::new(10, 0).cached(8, 0),
            ),
            // The provider's own total.
            (
                json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 20}),
                total(Usage::new(10, 7), 20),
            ),
            (json!({"total_tokens": 20}), total(Usage::default(), 20)),
            // xAI counts reasoning beside the completion.
            (
                json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                    "completion_tokens_details": {"reasoning_tokens": 94}}),
                Usage::new(32, 103).reasoning(94),
            ),
            // OpenRouter's may be more than the completion, and are a part of it all the same.
            (
                json!({"prompt_tokens": 43, "completion_tokens": 10, "total_tokens": 53,
                    "completion_tokens_details": {"reasoning_tokens": 11}}),
                Usage::new(43, 10).reasoning(11),
            ),
            (
                json!({"prompt_tokens": "10", "completion_tokens": -3, "total_tokens": null,
                    "prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": 1.5}}),
                Usage::default(),
            ),
            (
                json!({"prompt_tokens": u64::MAX, "completion_tokens": 1, "completion_tokens_details":
                    {"reasoning_tokens": u64::MAX}}),
                Usage::new(u64::MAX, 1).reasoning(u64::MAX),
            ),
        ] {
            assert_eq!(told(&raw), expected, "{raw}");
        }
    }

    #[test]
    fn wherever_it_is_and_the_last_one_stands() {
        let counts = |count: u64| json!({"prompt_tokens": count, "completion_tokens": count});
        let with = |mut chunk: Value, key: &str, value: Value| {
            chunk[key] = value;
            chunk
        };
        let all = with_done([
            with(text(0, "a"), "usage", counts(1)),
            with(text(0, "b"), "usage", Value::Null),
            with(last(0, "stop"), "usage", counts(2)),
            with(json!({"choices": []}), "usage", counts(3)),
            // After the usage.
            with(json!({"choices": [], "moderation": {}}), "usage", Value::Null),
            // Without any choices.
            json!({"usage": counts(4)}),
            done(),
        ]);
        let told = |count: u64| usage(Usage::new(count, count), counts(count));
        let expected = [
            Delta::text("a"),
            told(1),
            Delta::text("b"),
            Delta::finish("stop"),
            told(2),
            told(3),
            told(4),
            Delta::Done,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn groqs() {
        let counts = json!({"queue_time": 0.1, "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
        let told = usage(Usage::new(3, 4), counts.clone());
        let all = with_done([
            json!({"choices": [], "x_groq": {"id": "req_1", "usage": counts}}),
            json!({"choices": [], "usage": counts, "x_groq": {"usage": counts}}),
            done(),
        ]);
        assert_eq!(all, [told.clone(), told, Delta::Done]);
    }
}

mod errors {
    use super::*;

    #[test]
    fn in_a_stream() {
        let nested =
            r#"{"error":{"message":"bad","type":"server_error","param":null,"code":null}}"#;
        let told = || error("bad", Some("server_error"));
        for body in [
            format!("data: {nested}\n\n"),
            format!("data: {nested}\n\ndata: [DONE]\n\n"),
            format!("event: error\ndata: {nested}\n\n"),
            // Old llama.cpp servers.
            format!("error: {nested}\n\n"),
            "event: error\ndata: {\"message\":\"bad\",\"type\":\"server_error\"}\n\n".to_owned(),
            "data: {\"object\":\"error\",\"message\":\"bad\",\"type\":\"server_error\",\"code\":400}\n\n".to_owned(),
        ] {
            assert_eq!(stream(&body), [told()], "{body}");
            let all = stream(&format!("{}{body}", sse([text(0, "a")])));
            assert_eq!(all, [Delta::text("a"), told()], "{body}");
        }
        for (data, expected) in [
            (json!({"error": "bad"}), error("bad", None)),
            (json!({"error": "bad", "code": "overloaded"}), error("bad", Some("overloaded"))),
            (json!({"error": {"code": 502, "message": "bad"}}), error("bad", Some("502"))),
            (
                json!({"error": {"code": "tool_use_failed", "type": "invalid_request_error", "message": "bad"}}),
                error("bad", Some("tool_use_failed")),
            ),
            (json!({"code": 1300, "message": "bad"}), error("bad", Some("1300"))),
            (
                json!({"code": "1300", "type": "rate_limited", "message": "bad"}),
                error("bad", Some("rate_limited")),
            ),
            (json!({"detail": "bad"}), error("bad", None)),
            (
                json!({"type": "error", "error": {"type": "t", "message": "bad"}}),
                error("bad", Some("t")),
            ),
            (json!({"error": true}), error("error without a message", None)),
        ] {
            assert_eq!(events([&data]), [expected], "{data}");
        }
        for body in ["event: error\ndata:\n\n", "event: error\ndata: Internal Server Error\n\n"] {
            assert_eq!(stream(body), [error("error without a message", None)], "{body}");
        }
    }

    #[test]
    fn beside_choices() {
        let raw = json!({"prompt_tokens": 1, "completion_tokens": 2});
        let all = with_done([
            json!({"error": {"code": 400, "message": "bad"}, "usage": raw,
                "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "error"}]}),
            done(),
        ]);
        let expected = [
            Delta::text("a"),
            Delta::finish("error"),
            usage(Usage::new(1, 2), raw),
            error("bad", Some("400")),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_none() {
        for empty in [json!(null), json!(""), json!({}), json!(false)] {
            let mut chunk = text(0, "a");
            chunk["error"] = empty;
            chunk["code"] = json!(0);
            chunk["message"] = json!("ok");
            assert_eq!(
                with_done([chunk.clone(), done()]),
                [Delta::text("a"), Delta::Done],
                "{chunk}"
            );
        }
        assert_eq!(events([json!({"message": "hello"})]), []);
        assert_eq!(stream("event: ping\ndata: {}\n\nevent: ping\ndata:\n\n: ping\n\n"), []);
    }

    #[test]
    fn in_the_place_of_an_answer() {
        for (body, expected) in [
            (
                json!({"error": {"message": "bad", "type": "t", "code": null}}),
                error("bad", Some("t")),
            ),
            (json!({"error": "bad"}), error("bad", None)),
            (json!({"error": {"message": "bad"}, "choices": []}), error("bad", None)),
            (json!({"code": "c", "message": "bad"}), error("bad", Some("c"))),
            (json!({"object": "error", "message": "bad"}), error("bad", None)),
            (json!({"detail": "bad"}), error("bad", None)),
            (
                json!([{"error": {"code": 404, "message": "bad", "status": "NOT_FOUND"}}]),
                error("bad", Some("NOT_FOUND")),
            ),
        ] {
            assert_eq!(whole(&body), [expected], "{body}");
        }
        let all = whole(
            &json!({"error": {"message": "bad"}, "choices": [{"message": {"content": "a"}}]}),
        );
        assert_eq!(all, [Delta::NotStreamed, Delta::text("a"), error("bad", None)]);
    }

    #[test]
    fn of_status() {
        let with = |message: &str, code: Option<&str>| {
            let mut error = ProviderError::new(message).status(429);
            error.code = code.map(Into::into);
            error
        };
        let table: Vec<(&[u8], ProviderError)> = vec![
            (
                br#"{"error":{"message":"slow down","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
                with("slow down", Some("rate_limit_exceeded")),
            ),
            (
                br#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}}"#,
                with("m", Some("invalid_request_error")),
            ),
            (br#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error"}}"#, with("m", Some("exceed_context_size_error"))),
            (br#"{"object":"error","message":"m","type":"rate_limited","param":null,"code":"1300"}"#, with("m", Some("rate_limited"))),
            (br#"{"code":"c","error":"plain"}"#, with("plain", Some("c"))),
            (br#"{"detail":"d"}"#, with("d", None)),
            (b"<html>", with("HTTP status 429", None)),
        ];
        for (body, expected) in table {
            let name = String::from_utf8_lossy(body);
            let status = StatusCode::TOO_MANY_REQUESTS;
            assert_eq!(OpenAiChat.error(status, body), expected, "{name}");
            assert_eq!(OpenAiCompletions.error(status, body), expected, "{name}");
        }
    }
}

mod bytes_and_faults {
    use super::*;

    #[test]
    fn framing() {
        let a = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        let lines = a.replace(",\"delta\"", ",\r\ndata: \"delta\"");
        for body in [
            format!("\u{FEFF}data: {a}\n\ndata: [DONE]\n\n"),
            format!(
                ": OPENROUTER PROCESSING\n\n: keepalive\n\ndata: {a}\n\n: more\n\ndata: [DONE]\n\n"
            ),
            format!(": hello\r\rdata:{a}   \r\rretry: 5\r\rdata: [DONE]"),
            format!("data: {lines}\r\n\r\nid: 5\r\ndata: [DONE]\r\n"),
        ] {
            assert_eq!(stream(&body), [Delta::text("a"), Delta::Done], "{body}");
        }
        assert_eq!(stream(""), []);
        assert_eq!(stream("\r\n\n"), []);
        // A body that is cut: no `Done`.
        let cut = format!("data: {a}\n\ndata: {}", &a[..20]);
        assert_eq!(stream(&cut), [Delta::text("a"), Delta::DecodeFault]);
        let odd = "\0\u{2028}\u{2029}\u{7f}";
        assert_eq!(events([text(0, odd)]), [Delta::text(odd)]);
        let long = "x".repeat(200_000);
        assert_eq!(events([text(0, &long)]), [Delta::text(long)]);
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_it_goes_on() {
        for bad in [
            "{",
            "no json",
            "{\"choices\":}",
            "[]",
            "null",
            "7",
            "\"text\"",
            "{} {}",
            "[DONE",
            "[done]",
        ] {
            let all = events([&text(0, "a").to_string(), bad, &text(0, "b").to_string()]);
            assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")], "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(events([deep.as_str(), "[DONE]"]), [Delta::DecodeFault, Delta::Done]);
        let deep = format!("{{\"choices\":{}", "[{\"delta\":{\"content\":".repeat(50_000));
        assert_eq!(events([deep]), [Delta::DecodeFault]);
        let inner = |depth| "[{\"type\":\"thinking\",\"thinking\":".repeat(depth);
        let deep = format!("{{\"choices\":[{{\"delta\":{{\"content\":{}", inner(50_000));
        assert_eq!(events([deep]), [Delta::DecodeFault]);
    }

    #[test]
    fn half_of_a_surrogate_pair_is_a_fault_but_the_rest_is_told() {
        let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
        let all = events([
            chunk("a\\ud83d"),
            chunk("\\ude00\\ud83d\\ude00"),
            r#"{"error":{"code":"e","message":"\ud83d"}}"#.to_owned(),
        ]);
        let expected = [
            Delta::DecodeFault,
            Delta::text("a\u{FFFD}"),
            Delta::DecodeFault,
            Delta::text("\u{FFFD}😀"),
            error("\u{FFFD}", Some("e")),
        ];
        assert_eq!(all, expected);
        let expected =
            [Delta::DecodeFault, Delta::NotStreamed, Delta::text("a\u{FFFD}"), Delta::Done];
        assert_eq!(answer(br#"{"choices":[{"message":{"content":"a\ud83d"}}]}"#), expected);
    }

    #[test]
    fn an_event_over_the_limit_is_a_fault() {
        let long = text(0, &"x".repeat(500));
        let body = sse([&text(0, "a"), &long, &text(0, "b")]);
        for size in [1, 10, 5000] {
            let all = decode(OpenAiChatDecoder::with_limit(200), body.as_bytes().chunks(size));
            assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")]);
        }
    }

    #[test]
    fn a_whole_body_over_the_limit_is_one_fault() {
        let body = json!({"choices": [{"message": {"content": "a"}}]}).to_string();
        for size in [1, 10, 5000] {
            let limit = body.len() - 1;
            let all = decode(OpenAiChatDecoder::with_limit(limit), body.as_bytes().chunks(size));
            assert_eq!(all, [Delta::DecodeFault]);
            let all =
                decode(OpenAiChatDecoder::with_limit(limit + 1), body.as_bytes().chunks(size));
            assert_eq!(all.last(), Some(&Delta::Done));
        }
    }

    #[test]
    fn choices_and_calls_beyond_all_sense_are_faults() {
        let body = sse((0..1100).map(|index| text(index, "a")).chain([text(0, "b")]));
        let all = decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
        assert_eq!(all.len(), 1101);
        assert_eq!(all.iter().filter(|delta| **delta == Delta::DecodeFault).count(), 1100 - 1024);
        assert_eq!(all.last(), Some(&Delta::text("b")));
        let call = |index: u64| {
            chunk(
                0,
                &json!({"tool_calls": [{"index": index, "id": format!("c{index}"), "function": {"name": "n"}}]}),
            )
        };
        let body = sse((0..1100).map(call).chain([text(0, "b")]));
        let all = decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
        assert_eq!(all.iter().filter(|delta| **delta == Delta::DecodeFault).count(), 1100 - 1024);
        assert_eq!(all.last(), Some(&Delta::text("b")));
        // So many in all choices: each with as many would be a thousand times that.
        let of = |choice, calls| {
            let call = |n| json!({"index": n, "function": {"name": "n"}});
            chunk(choice, &json!({"tool_calls": (0..calls).map(call).collect::<Vec<_>>()}))
        };
        let body = sse([of(0, 1000), of(1, 1000), of(0, 1000), text(1, "b")]);
        let all = decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
        assert_eq!(all.iter().filter(|delta| **delta == Delta::DecodeFault).count(), 2000 - 1024);
        assert_eq!(all.last(), Some(&Delta::Text { choice: 1, text: "b".into() }));
    }
}

#[test]
fn a_plain_chunk_costs_no_allocation() {
    let mut plain = text(0, "Hello");
    for (key, value) in [("id", json!("i")), ("model", json!("m")), ("usage", Value::Null)] {
        plain[key] = value;
    }
    let thought = chunk(0, &json!({"reasoning": "Hm", "content": "", "tool_calls": null}));
    let body = sse([plain, thought]);
    let mut decoder = OpenAiChatDecoder::new();
    let mut told = 0;
    // The first one makes room for the choice.
    decoder.push(body.as_bytes(), &mut |_| told += 1);
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100 {
            decoder.push(body.as_bytes(), &mut |_| told += 1);
        }
    });
    assert_eq!((told, allocations.count_total), (1 + 2 * 101, 0));
}

mod whole_answers {
    use super::*;

    fn an_answer() -> Value {
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt",
            "choices": [
                {"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {"role": "assistant",
                    "content": "Héllo 👋", "refusal": null, "annotations": [], "reasoning_content": "hm",
                    "audio": {"id": "a", "transcript": "spoken"},
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}},
                        {"id": "call_2", "type": "function", "function": {"name": "noargs", "arguments": ""}},
                    ]}},
                {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "refusal": "no"}},
            ],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
    }

    #[test]
    fn what_it_tells() {
        let expected = [
            Delta::NotStreamed,
            response("chatcmpl-1", "gpt"),
            reasoning("hm"),
            Delta::text("Héllo 👋"),
            tool(0, "call_1", "weather", r#"{"city":"Paris"}"#),
            tool(1, "call_2", "noargs", ""),
            Delta::finish("tool_calls"),
            Delta::Refusal { choice: 1, text: "no".into() },
            finish(1, "stop"),
            usage(Usage::new(3, 4), an_answer()["usage"].clone()),
            Delta::Done,
        ];
        assert_eq!(whole(&an_answer()), expected);
        assert_eq!(stream(&format!("{:#}", an_answer())), expected);
        assert_eq!(answer(format!("\u{FEFF}{}", an_answer()).as_bytes()), expected);
    }

    #[test]
    fn it_adds_up_to_what_its_stream_does() {
        let call = |index: u64, id: &str, name: &str| {
            chunk(
                0,
                &json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": ""}}]}),
            )
        };
        let more = |text: &str| {
            chunk(0, &json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}))
        };
        let mut first = chunk(0, &json!({"role": "assistant", "content": ""}));
        first["id"] = json!("chatcmpl-1");
        first["model"] = json!("gpt");
        let streamed = with_done([
            first,
            chunk(1, &json!({"refusal": "n"})),
            chunk(0, &json!({"reasoning_content": "h"})),
            chunk(0, &json!({"reasoning_content": "m"})),
            text(0, "Hé"),
            text(0, "llo 👋"),
            call(0, "call_1", "weather"),
            more("{\"city\":"),
            chunk(1, &json!({"refusal": "o"})),
            last(1, "stop"),
            more("\"Paris\"}"),
            call(1, "call_2", "noargs"),
            last(0, "tool_calls"),
            json!({"choices": [], "usage": an_answer()["usage"]}),
            done(),
        ]);
        assert_eq!(sum(&whole(&an_answer())), sum(&streamed));
    }

    #[test]
    fn a_choice_that_was_filtered_has_no_message() {
        let all = whole(&json!({"id": "i", "model": "gpt", "choices": [
            {"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}]}));
        let expected = [
            Delta::NotStreamed,
            response("i", "gpt"),
            Delta::finish("content_filter"),
            Delta::Done,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn choices_may_be_missing() {
        for body in [
            json!({"choices": []}),
            json!({"object": "chat.completion", "choices": null}),
            json!({"object": "text_completion"}),
        ] {
            assert_eq!(whole(&body), [Delta::NotStreamed, Delta::Done], "{body}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        for body in [
            "",
            " ",
            "{",
            "[]",
            "[1]",
            "null",
            "{}",
            "no json",
            "<html>",
            r#"{"object":"list","data":[]}"#,
        ] {
            assert_eq!(answer(body.as_bytes()), [Delta::DecodeFault], "{body}");
        }
    }
}

mod formats {
    use super::*;

    fn start(format: &impl Format, uri: &str, body: &Value) -> LlmStart {
        let (uri, body) = (uri.parse::<Uri>().unwrap(), Bytes::from(body.to_string()));
        format.start(&LlmHttpRequest::new(&Method::POST, &uri, &HeaderMap::new(), &body))
    }

    fn messages(start: &LlmStart) -> Value {
        serde_json::to_value(start).unwrap()["messages"].take()
    }

    #[test]
    fn recognition() {
        for (path, chat, legacy) in [
            ("/v1/chat/completions", true, false),
            ("/chat/completions", true, false),
            ("/openai/deployments/d/chat/completions", true, false),
            ("/v1/completions", false, true),
            ("/openai/deployments/d/completions", false, true),
            ("/v1/chat/completions/chatcmpl-1", false, false),
            ("/v1/completions/", false, false),
            ("/v1/responses", false, false),
            ("/v1/autocompletions", false, false),
            ("/", false, false),
        ] {
            let yes = |method: &Method| {
                [
                    OpenAiChat.matches(method, path) == Match::Yes,
                    OpenAiCompletions.matches(method, path) == Match::Yes,
                ]
            };
            assert_eq!(yes(&Method::POST), [chat, legacy], "{path}");
            assert_eq!(yes(&Method::GET), [false, false], "{path}");
        }
    }

    #[test]
    fn a_chat() {
        let prompt = json!([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "u"}]}]);
        let start = start(
            &OpenAiChat,
            "/v1/chat/completions",
            &json!({"model": "gpt", "stream": true, "messages": prompt, "temperature": 0.5,
                "stream_options": {"include_usage": true}}),
        );
        assert_eq!((&*start.provider, &*start.api), ("openai", "chat_completions"));
        assert_eq!((start.model.as_deref(), start.stream), (Some("gpt"), true));
        assert_eq!(messages(&start), prompt);
        let params = json!({"temperature": 0.5, "stream_options": {"include_usage": true}});
        assert_eq!(Value::Object(start.params), params);
    }

    #[test]
    fn a_completion() {
        let user = |content: Value| json!({"role": "user", "content": content});
        for (prompt, expected) in [
            (json!("p"), json!([user(json!("p"))])),
            (json!(["p", "q"]), json!([user(json!("p")), user(json!("q"))])),
            (json!([1, 2]), json!([user(json!([1, 2]))])),
            (json!([[1], [2]]), json!([user(json!([1])), user(json!([2]))])),
            (json!(null), json!([])),
        ] {
            let body = json!({"model": "davinci", "prompt": prompt, "max_tokens": 5});
            let start = start(&OpenAiCompletions, "/v1/completions", &body);
            assert_eq!((&*start.provider, &*start.api), ("openai", "completions"));
            assert!(!start.stream);
            assert_eq!(messages(&start), expected);
            assert_eq!(Value::Object(start.params), json!({"max_tokens": 5}));
        }
        let body = json!({"prompt": "p", "suffix": "s"});
        let start = start(&OpenAiCompletions, "/v1/completions", &body);
        assert_eq!(messages(&start), json!([{"role": "user", "content": "p", "suffix": "s"}]));
        assert!(start.params.is_empty());
    }

    #[test]
    fn dialects() {
        for (uri, provider) in [
            ("/v1/chat/completions", "openai"),
            ("https://api.openai.com/v1/chat/completions", "openai"),
            ("https://gateway.example/v1/chat/completions", "openai"),
            ("http://localhost:8000/v1/chat/completions", "openai"),
            ("https://r.openai.azure.com/openai/v1/chat/completions", "azure.ai.openai"),
            ("https://R.OpenAI.Azure.com/openai/v1/chat/completions", "azure.ai.openai"),
            ("/openai/deployments/d/chat/completions?api-version=1", "azure.ai.openai"),
            ("https://gateway.example/openai/deployments/d/chat/completions", "azure.ai.openai"),
            ("https://api.groq.com/openai/v1/chat/completions", "groq"),
            ("https://api.mistral.ai/v1/chat/completions", "mistral_ai"),
            ("https://api.deepseek.com/chat/completions", "deepseek"),
            ("https://api.x.ai/v1/chat/completions", "x_ai"),
            ("https://us-east-1.api.x.ai/v1/chat/completions", "x_ai"),
            ("https://matrix.ai/v1/chat/completions", "openai"),
            ("https://x.ai.example/v1/chat/completions", "openai"),
            ("https://openrouter.ai/api/v1/chat/completions", "openrouter"),
            ("https://api.perplexity.ai/chat/completions", "perplexity"),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
                "gcp.gemini",
            ),
            ("https://api.writer.com/v1/chat/completions", "writer"),
            ("https://a.snowflakecomputing.com/api/v2/cortex/v1/chat/completions", "snowflake"),
        ] {
            let start = start(&OpenAiChat, uri, &json!({"messages": []}));
            assert_eq!(&*start.provider, provider, "{uri}");
        }
    }

    #[test]
    fn azures_model_is_in_the_path() {
        let model = |uri: &str, body: Value| start(&OpenAiChat, uri, &body).model;
        let path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-02-01";
        assert_eq!(model(path, json!({})).as_deref(), Some("my-gpt"));
        assert_eq!(model(path, json!({"model": "gpt"})).as_deref(), Some("gpt"));
        assert_eq!(model("/openai/deployments//chat/completions", json!({})), None);
        assert_eq!(model("/v1/chat/completions", json!({})), None);
    }

    #[test]
    fn decoders() {
        let body = json!({"choices": [{"message": {"content": "a"}}]}).to_string();
        let sse = sse([text(0, "a")]);
        let formats: [&dyn Format; 2] = [&OpenAiChat, &OpenAiCompletions];
        for format in formats {
            let decode = |content_type: Option<&str>, body: &str| {
                let mut all = Vec::new();
                let mut decoder = format.decoder(content_type);
                decoder.push(body.as_bytes(), &mut |delta| all.push(delta.into_owned()));
                decoder.finish(&mut |delta| all.push(delta.into_owned()));
                all
            };
            for content_type in [None, Some("application/json"), Some("text/event-stream")] {
                let expected = [Delta::NotStreamed, Delta::text("a"), Delta::Done];
                assert_eq!(decode(content_type, &body), expected);
            }
            // Whatever it is said to be.
            for content_type in
                [None, Some("text/event-stream"), Some("text/plain"), Some("application/json")]
            {
                assert_eq!(decode(content_type, &sse), [Delta::text("a")]);
            }
            assert_eq!(decode(Some("application/json"), "no JSON"), [Delta::DecodeFault]);
        }
    }

    #[test]
    fn error_bodies() {
        for (status, kind, code) in [
            (400, "invalid_request_error", Value::Null),
            (401, "invalid_request_error", json!("invalid_api_key")),
            (403, "invalid_request_error", Value::Null),
            (429, "requests", json!("rate_limit_exceeded")),
            (500, "server_error", Value::Null),
            (503, "server_error", Value::Null),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let expected =
                json!({"error": {"message": "m \"q\"", "type": kind, "param": null, "code": code}});
            let formats: [&dyn Format; 2] = [&OpenAiChat, &OpenAiCompletions];
            for format in formats {
                let body = format.error_body(status, "m \"q\"");
                assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
                // It is read as it is written.
                let read = format.error(status, &body);
                assert_eq!(&*read.message, "m \"q\"");
                assert_eq!(read.code.as_deref(), code.as_str().or(Some(kind)));
            }
        }
    }
}

/// Events that may come in any order, sensible or not.
fn any_events() -> impl Strategy<Value = String> {
    let call = |call: Value| chunk(0, &json!({ "tool_calls": [call] })).to_string();
    let words = vec![
        json!({"id": "i", "model": "m", "choices": []}).to_string(),
        text(0, "a\n👋").to_string(),
        text(1, "東").to_string(),
        chunk(0, &json!({"reasoning": "…", "reasoning_content": "…"})).to_string(),
        chunk(0, &json!({"content": [{"type": "thinking", "thinking": [{"text": "x"}]}]}))
            .to_string(),
        chunk(2, &json!({"refusal": "no"})).to_string(),
        r#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#.to_owned(),
        call(json!({"index": 0, "id": "a", "function": {"name": "n", "arguments": "{"}})),
        call(json!({"id": "b", "function": {"name": "ü", "arguments": {"a": 1}}})),
        call(json!({"function": {"arguments": "}"}})),
        json!({"choices": [{"text": "t", "index": 1}, {"message": {"content": "m"}}]}).to_string(),
        last(0, "stop").to_string(),
        last(1, "length").to_string(),
        json!({"choices": [], "usage": {"prompt_tokens": 2}}).to_string(),
        json!({"object": "chat.completion.done", "choices": []}).to_string(),
        "{".to_owned(),
        "x\ny".to_owned(),
        "[DONE]".to_owned(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last two end the stream.
    event_stream(vec!["data: ", "data:", "event: x\ndata: ", "data: ", ""], word(words, 2))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_make_no_difference(
        body in any_events(),
        lengths in prop::collection::vec(0_usize..40, 1..8),
        limit in 20_usize..200,
    ) {
        let body = body.as_bytes();
        let pieces = || cut(body, &lengths);
        for (cut, uncut) in [
            (decode(OpenAiChatDecoder::new(), pieces()), decode(OpenAiChatDecoder::new(), [body])),
            (
                decode(OpenAiChatDecoder::with_limit(limit), pieces()),
                decode(OpenAiChatDecoder::with_limit(limit), [body]),
            ),
            (decode(OpenAiChatDecoder::whole(), pieces()), decode(OpenAiChatDecoder::whole(), [body])),
        ] {
            prop_assert_eq!(&cut, &uncut);
            // One end at most, and the last thing told; no reason twice in a row.
            let ends = uncut.iter().rposition(|delta| matches!(delta, Delta::Done | Delta::Error(_)));
            prop_assert!(ends.is_none_or(|at| at + 1 == uncut.len()));
            for choice in 0..3 {
                let mut reasons: Vec<_> = uncut
                    .iter()
                    .filter_map(|delta| match delta {
                        Delta::Finish { choice: of, reason } if *of == choice => Some(reason),
                        _ => None,
                    })
                    .collect();
                let all = reasons.len();
                reasons.dedup();
                prop_assert_eq!(reasons.len(), all);
            }
        }
    }

    #[test]
    fn any_bytes_do(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(OpenAiChatDecoder::new(), body.chunks(9));
        decode(OpenAiChatDecoder::whole(), body.chunks(9));
        OpenAiChat.error(StatusCode::BAD_GATEWAY, &body);
        let (uri, headers) = (Uri::from_static("/v1/completions"), HeaderMap::new());
        let body = Bytes::from(body);
        OpenAiCompletions.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
    }

    #[test]
    fn any_chunks_do(delta in any_json(), choice in any_json(), chunk in any_json()) {
        let mut chunk = chunk;
        for (key, value) in [("delta", delta.clone()), ("message", delta)] {
            let mut choice = choice.clone();
            if let Value::Object(members) = &mut choice {
                members.insert(key.to_owned(), value);
            }
            if let Value::Object(members) = &mut chunk {
                members.insert("choices".to_owned(), json!([choice]));
            }
            let body = chunk.to_string();
            decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
            let all = decode(OpenAiChatDecoder::new(), [format!("data: {body}\n\n").as_bytes()]);
            // Whatever the members are, they do not cost the chunk.
            prop_assert!(!chunk.is_object() || !all.contains(&Delta::DecodeFault), "{}", body);
        }
    }
}

/// Any JSON, with names that mean something.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "id",
        "model",
        "object",
        "choices",
        "usage",
        "error",
        "index",
        "delta",
        "message",
        "text",
        "finish_reason",
        "content",
        "refusal",
        "reasoning",
        "reasoning_details",
        "tool_calls",
        "function_call",
        "function",
        "custom",
        "name",
        "arguments",
        "input",
        "thinking",
        "type",
        "code",
        "detail",
        "x_groq",
        "prompt_tokens",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z\\\\\"\u{e9}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}
