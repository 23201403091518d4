//! Ollama's API: all rules of the mapping, at any chunk boundaries.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::wire::{cut, word};
use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, ProviderError, Usage,
    event::Accumulator,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        ollama::{OllamaChat, OllamaDecoder, OllamaGenerate},
        operations::OllamaEmbed,
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"{\"done\":true}\n")
}

/// Decodes a streamed body. Asserts that small chunks yield the same deltas.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(OllamaDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(
            decode(OllamaDecoder::new(), body.chunks(size)),
            whole,
            "chunks of {size} bytes"
        );
    }
    whole
}

/// Decodes an unstreamed body in the same way.
fn answer(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(OllamaDecoder::whole(), [body]);
    assert_eq!(decode(OllamaDecoder::whole(), body.chunks(1)), whole);
    whole
}

fn lines<S: ToString>(lines: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&lines.into_iter().map(|line| line.to_string() + "\n").collect::<String>())
}

fn chat(content: &str) -> Value {
    json!({"model": "llama-test", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": content}, "done": false})
}

fn generate(text: &str) -> Value {
    json!({"model": "llama-test", "response": text, "done": false})
}

fn end() -> Value {
    json!({"model": "llama-test", "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": "stop"})
}

fn calls(calls: &Value) -> Value {
    json!({"model": "llama-test", "message": {"content": "", "tool_calls": calls}, "done": false})
}

fn response() -> Delta<'static> {
    Delta::Response { id: None, model: Some("llama-test".into()) }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    let word = |text: &str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    let arguments = arguments.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: word(id), name: word(name), arguments }
}

/// The sum of the deltas.
fn sum(deltas: &[Delta<'_>]) -> LlmResult {
    let mut answer = Accumulator::new();
    deltas.iter().for_each(|delta| answer.delta(delta));
    let mut result = answer.finish();
    (result.streamed, result.tokens) = (false, 0);
    result
}

#[test]
fn a_chat_answer() {
    let mut last = end();
    for (name, value) in [
        ("total_duration", json!(1_897_385_625_u64)),
        ("load_duration", json!(1)),
        ("prompt_eval_count", json!(17)),
        ("prompt_eval_duration", json!(2)),
        ("eval_count", json!(50)),
        ("eval_duration", json!(3)),
    ] {
        last[name] = value;
    }
    let all = lines([chat("Héllo"), chat(""), chat(" 東京 👋\n\"quoted\""), last, chat("after")]);
    let raw = json!({"total_duration": 1_897_385_625_u64, "load_duration": 1,
        "prompt_eval_count": 17, "prompt_eval_duration": 2, "eval_count": 50, "eval_duration": 3});
    let expected = [
        response(),
        Delta::text("Héllo"),
        Delta::text(" 東京 👋\n\"quoted\""),
        usage(Usage::new(17, 50), raw),
        Delta::finish("stop"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_completion_answer() {
    let mut last = generate("");
    last["done"] = true.into();
    last["done_reason"] = "length".into();
    last["context"] = json!([1, 2, 3]);
    let thought = json!({"model": "llama-test", "response": "", "thinking": "hm", "done": false});
    let all = lines([thought, generate("a"), generate("b"), last]);
    let expected = [
        response(),
        reasoning("hm"),
        Delta::text("a"),
        Delta::text("b"),
        Delta::finish("length"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn reasoning_precedes_text() {
    let line = json!({"message": {"content": "a", "thinking": "hm"}});
    assert_eq!(lines([&line]), [reasoning("hm"), Delta::text("a")]);
    // Old models think within the text, which is unchanged.
    assert_eq!(lines([json!({"message": {"content": "<think>"}})]), [Delta::text("<think>")]);
}

#[test]
fn tool_calls_are_complete() {
    let all = lines([
        calls(&json!([
            {"function": {"name": "weather", "arguments": {"city": "Paris"}}},
            {"function": {"name": "noargs", "arguments": {}}},
        ])),
        // Newer versions send an id. Their index restarts in each line.
        calls(&json!([
            {"id": "call_1", "function": {"index": 0, "name": "time", "arguments": {"zone": 1}}},
        ])),
        end(),
    ]);
    let expected = [
        response(),
        call(0, "", "weather", r#"{"city":"Paris"}"#),
        call(1, "", "noargs", "{}"),
        call(2, "call_1", "time", r#"{"zone":1}"#),
        Delta::finish("stop"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn arguments_are_kept_and_compacted() {
    for (sent, emitted) in [
        (
            r#"{"z": 1, "a": {"y": [1, 2.50, "x  y"], "b": null}}"#,
            r#"{"z":1,"a":{"y":[1,2.50,"x  y"],"b":null}}"#,
        ),
        (r#"{"a":"\u00e9 \" : ,"}"#, r#"{"a":"\u00e9 \" : ,"}"#),
        (
            r#"{ "big" : 123456789012345678901234567890 }"#,
            r#"{"big":123456789012345678901234567890}"#,
        ),
        ("{ }", "{}"),
        // In OpenAI's form, as a string.
        (r#""{\"a\": 1}""#, r#"{"a": 1}"#),
        ("null", ""),
        (r#"[1, {"b": 2}]"#, r#"[1,{"b":2}]"#),
        ("7", ""),
    ] {
        let line = format!(
            r#"{{"message":{{"tool_calls":[{{"function":{{"name":"f","arguments":{sent}}}}}]}}}}"#
        );
        assert_eq!(lines([line]), [call(0, "", "f", emitted)], "{sent}");
    }
    let absent = json!({"message": {"tool_calls": [{"function": {"name": "f"}}]}});
    assert_eq!(lines([absent]), [call(0, "", "f", "")]);
}

#[test]
fn usage_counts_may_be_missing() {
    let ends = |raw: &Value| {
        let mut last = end();
        for (name, value) in raw.as_object().unwrap() {
            last[name] = value.clone();
        }
        lines([last])
    };
    let rest = [Delta::finish("stop"), Delta::Done];
    for (raw, counts) in [
        // Older versions do not count a cached prompt.
        (json!({"eval_count": 5}), Usage::new(None, 5)),
        (json!({"prompt_eval_count": 5}), Usage::new(5, None)),
        (json!({"prompt_eval_count": u64::MAX, "eval_count": 1}), Usage::new(u64::MAX, 1)),
        (json!({"prompt_eval_count": -1, "eval_count": 1}), Usage::new(None, 1)),
    ] {
        assert_eq!(ends(&raw), [&[response(), usage(counts, raw)], &rest[..]].concat());
    }
    for raw in [json!({}), json!({"total_duration": 5}), json!({"eval_count": "five"})] {
        assert_eq!(ends(&raw), [&[response()], &rest[..]].concat(), "{raw}");
    }
}

#[test]
fn the_last_line_may_lack_its_line_end_and_reason() {
    let body = format!("{}\r\n\r\n{}", chat("a"), json!({"done": true}));
    assert_eq!(stream(&body), [response(), Delta::text("a"), Delta::Done]);
    // The last line may have content.
    let mut last = chat("b");
    last["done"] = true.into();
    assert_eq!(lines([last]), [response(), Delta::text("b"), Delta::Done]);
}

#[test]
fn a_stream_without_its_end_is_not_done() {
    assert_eq!(lines([chat("a")]), [response(), Delta::text("a")]);
    let body = format!("{}\n{}", chat("a"), &end().to_string()[..20]);
    assert_eq!(stream(&body), [response(), Delta::text("a"), Delta::DecodeFault]);
    let odd = lines([json!({"done": "true"}), json!({"done": 1}), json!({"done": null})]);
    assert_eq!(odd, []);
    assert_eq!(stream(""), []);
    assert_eq!(stream("\r\n\n"), []);
}

#[test]
fn an_error_ends_the_stream() {
    let error = || Delta::Error(ProviderError::new("model runner crashed"));
    let line = json!({"error": "model runner crashed"});
    assert_eq!(
        lines([chat("a"), line.clone(), chat("b"), end()]),
        [response(), Delta::text("a"), error()]
    );
    // As the only line, without its end.
    assert_eq!(stream(&line.to_string()), [error()]);
    let nested = json!({"error": {"message": "model runner crashed"}});
    assert_eq!(lines([nested.clone()]), [error()]);
    // A gateway's, on several lines, in an array.
    let pretty = serde_json::to_string_pretty(&json!([nested])).unwrap();
    assert_eq!(stream(&format!(": keep-alive\n\n{pretty}\n\n")), [error()]);
    // A null error is not an error.
    let all = lines([json!({"error": null, "message": {"content": "a"}})]);
    assert_eq!(all, [Delta::text("a")]);
}

#[test]
fn lines_as_events() {
    let body =
        format!(": hello\n\ndata: {}\n\nevent: x\ndata: {}\n\ndata: [DONE]\n\n", chat("a"), end());
    let expected = [response(), Delta::text("a"), Delta::finish("stop"), Delta::Done];
    assert_eq!(stream(&body), expected);
    // `[DONE]` is not an end mark of Ollama.
    assert_eq!(
        stream(&format!("data: {}\n\ndata: [DONE]\n\nevent: x\n\n", chat("a"))),
        expected[..2]
    );
}

#[test]
fn framing() {
    let expected = [response(), Delta::text("a\u{2028}"), Delta::finish("stop"), Delta::Done];
    let (text, last) = (chat("a\u{2028}"), end());
    for body in [
        format!("\u{FEFF}{text}\n{last}\n"),
        format!(" \r\n{text}\r\n{last}\r\n"),
        format!("\n\n  {text}  \n\t{last}"),
    ] {
        assert_eq!(stream(&body), expected, "{body}");
    }
}

#[test]
fn undecodable_events_are_faults_and_decoding_continues() {
    let emitted = |bad: &str| lines([&chat("a").to_string(), bad, &chat("b").to_string()]);
    for bad in ["{", "no json", "{\"done\":}", "[]", "null", "7", "\"text\"", "{} {}"] {
        let expected = [response(), Delta::text("a"), Delta::DecodeFault, Delta::text("b")];
        assert_eq!(emitted(bad), expected, "{bad}");
    }
    let deep = format!("{{\"message\":{}", "{\"tool_calls\":[".repeat(100_000));
    assert_eq!(emitted(&deep).len(), 4);
    let arguments = format!("{}1{}", "{\"a\": ".repeat(100_000), "}".repeat(100_000));
    let deep =
        format!(r#"{{"message":{{"tool_calls":[{{"function":{{"arguments":{arguments}}}}}]}}}}"#);
    assert_eq!(lines([deep]).len(), 1);
}

#[test]
fn members_of_wrong_types_are_ignored() {
    let all = lines([
        json!({"model": 7, "message": "x", "response": {"a": 1}, "thinking": [], "done": false}),
        json!({"message": {"content": 1, "thinking": {}, "tool_calls": "x"}, "response": "a"}),
        json!({"message": {"content": "b", "tool_calls": [null, 1, {"function": "x"}, {}]}}),
        json!({"model": "llama-test", "message": null, "done_reason": 5, "eval_count": [1],
            "done": true}),
    ]);
    assert_eq!(all, [Delta::text("a"), Delta::text("b"), response(), Delta::Done]);
}

#[test]
fn lone_surrogates_are_faults_and_replaced() {
    let all = lines([
        r#"{"message":{"content":"a\ud83d"}}"#,
        r#"{"message":{"content":"b\ude00\ud83d\ude00"}}"#,
        r#"{"error":"\ud83d"}"#,
    ]);
    let expected = [
        Delta::DecodeFault,
        Delta::text("a\u{FFFD}"),
        Delta::DecodeFault,
        Delta::text("b\u{FFFD}😀"),
        Delta::Error(ProviderError::new("\u{FFFD}")),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_line_over_the_limit_is_a_fault() {
    let body = format!("{}\n{}\n{}\n", chat("a"), chat(&"x".repeat(500)), chat("b"));
    for size in [1, 10, 5000] {
        let all = decode(OllamaDecoder::with_limit(200), body.as_bytes().chunks(size));
        assert_eq!(all, [response(), Delta::text("a"), Delta::DecodeFault, Delta::text("b")]);
    }
}

#[test]
fn a_text_delta_does_not_allocate() {
    let mut decoder = OllamaDecoder::new();
    decoder.push(format!("{}\n", chat("a")).as_bytes(), &mut |_| {});
    let body = format!("{}\n", chat("Héllo 東京")).repeat(100);
    let mut emitted = 0;
    let costs = allocation_counter::measure(|| {
        decoder.push(body.as_bytes(), &mut |delta| emitted += delta.content().map_or(0, str::len));
    });
    assert_eq!(emitted, 100 * "Héllo 東京".len());
    assert_eq!(costs.count_total, 0);
}

fn whole() -> Value {
    json!({"model": "llama-test", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": "Héllo 👋", "thinking": "hm", "tool_calls": [
            {"function": {"name": "weather", "arguments": {"city": "Paris"}}}]},
        "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 5})
}

#[test]
fn an_unstreamed_answer() {
    let expected = [
        Delta::NotStreamed,
        response(),
        reasoning("hm"),
        Delta::text("Héllo 👋"),
        call(0, "", "weather", r#"{"city":"Paris"}"#),
        usage(Usage::new(3, 5), json!({"prompt_eval_count": 3, "eval_count": 5})),
        Delta::finish("stop"),
        Delta::Done,
    ];
    assert_eq!(answer(whole().to_string().as_bytes()), expected);
    assert_eq!(answer(format!("\u{FEFF}\r\n{:#}\n", whole()).as_bytes()), expected);
    // Without an announcement, it is a stream of one line.
    assert_eq!(lines([whole()]), expected[1..]);
    let completion = json!({"model": "llama-test", "response": "a", "done": true});
    let expected = [Delta::NotStreamed, response(), Delta::text("a"), Delta::Done];
    assert_eq!(answer(completion.to_string().as_bytes()), expected);
    // The answer for loading a model.
    let loaded = json!({"model": "llama-test", "done": true, "done_reason": "load"});
    let expected =
        [Delta::NotStreamed, response(), Delta::NotInferred, Delta::finish("load"), Delta::Done];
    assert_eq!(answer(loaded.to_string().as_bytes()), expected);
}

#[test]
fn an_unstreamed_answer_equals_its_stream() {
    let mut last = end();
    last["prompt_eval_count"] = 3.into();
    last["eval_count"] = 5.into();
    let streamed = lines([
        json!({"model": "llama-test", "message": {"content": "", "thinking": "h"}}),
        json!({"model": "llama-test", "message": {"content": "", "thinking": "m"}}),
        chat("Hé"),
        chat("llo 👋"),
        calls(&whole()["message"]["tool_calls"]),
        last,
    ]);
    assert_eq!(sum(&streamed), sum(&answer(whole().to_string().as_bytes())));
}

#[test]
fn invalid_unstreamed_bodies_are_faults() {
    for body in ["", " ", "{"] {
        assert_eq!(answer(body.as_bytes()), [Delta::DecodeFault], "{body}");
    }
    // A whole body that is no answer is an error, not a truncated answer.
    for body in ["[]", "null", "{}", "no json", "<html>", r#"{"model":"x"}"#] {
        assert!(matches!(answer(body.as_bytes())[..], [Delta::Error(_)]), "{body}");
    }
    let error = Delta::Error(ProviderError::new("bad"));
    assert_eq!(answer(br#"{"error":"bad"}"#), [error]);
}

#[test]
fn requests_match_by_method_and_path() {
    for (method, path, chat, generate) in [
        (Method::POST, "/api/chat", true, false),
        (Method::POST, "/ollama/api/chat", true, false),
        (Method::POST, "/api/generate", false, true),
        (Method::GET, "/api/chat", false, false),
        (Method::GET, "/api/generate", false, false),
        (Method::POST, "/api/chat/", false, false),
        (Method::POST, "/api/embed", false, false),
        (Method::POST, "/myapi/chat", false, false),
        (Method::POST, "", false, false),
    ] {
        assert_eq!(OllamaChat.matches(&method, path), chat, "{method} {path}");
        assert_eq!(OllamaGenerate.matches(&method, path), generate, "{method} {path}");
    }
}

fn start(format: &dyn Format, body: &str) -> LlmStart {
    let (uri, headers) = (Uri::from_static("/api/x"), HeaderMap::new());
    let body = Bytes::copy_from_slice(body.as_bytes());
    format.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body))
}

#[test]
fn the_start_of_a_chat() {
    let body = json!({"model": "llama-test", "think": true, "options": {"temperature": 0},
        "messages": [{"role": "user", "content": "Hi"},
            {"role": "user", "content": "This?", "images": ["QUJD", "QUJDREVG"]}]});
    let it = start(&OllamaChat, &body.to_string());
    assert_eq!((&*it.provider, &*it.api), ("ollama", "chat"));
    // Answers are streamed by default.
    assert_eq!((it.model.as_deref(), it.stream), (Some("llama-test"), true));
    let images = ["[redacted, 4 characters]", "[redacted, 8 characters]"];
    let prompt = json!([{"role": "user", "content": "Hi"},
        {"role": "user", "content": "This?", "images": images}]);
    assert_eq!(it.messages.get(), Some(&prompt));
    assert_eq!(Value::from(it.params), json!({"think": true, "options": {"temperature": 0}}));
    for (stream, expected) in [("true", true), ("false", false), ("null", true), ("7", true)] {
        let it = start(&OllamaChat, &format!(r#"{{"stream":{stream}}}"#));
        assert_eq!(it.stream, expected, "{stream}");
        assert!(it.params.is_empty());
    }
}

#[test]
fn the_start_of_a_completion() {
    let body = json!({"model": "llama-test", "system": "Be brief.", "prompt": "Hi",
        "suffix": "bye", "images": ["QUJD"], "context": [1, 2], "stream": false, "raw": true});
    let it = start(&OllamaGenerate, &body.to_string());
    assert_eq!((&*it.provider, &*it.api), ("ollama", "generate"));
    assert_eq!((it.model.as_deref(), it.stream), (Some("llama-test"), false));
    let prompt = json!([{"role": "system", "content": "Be brief."}, {"role": "user",
        "content": "Hi", "suffix": "bye", "images": ["[redacted, 4 characters]"]}]);
    assert_eq!(it.messages.get(), Some(&prompt));
    assert_eq!(Value::from(it.params), json!({"raw": true}));
    for body in ["{}", "", "no json", r#"{"images":"x"}"#] {
        let it = start(&OllamaGenerate, body);
        assert!(it.stream);
        assert_eq!(it.messages.get().unwrap()[0]["content"], "", "{body}");
    }
}

/// The request decides, else the content type: proxies send streamed answers as `application/json`.
#[test]
fn the_request_selects_the_decoder() {
    let body = format!("{:#}", whole());
    let formats: [&dyn Format; 2] = [&OllamaChat, &OllamaGenerate];
    for format in formats {
        let streamed = |content_type, stream: Option<bool>| {
            let headers = support::wire::of_type(content_type);
            let mut request = LlmStart::new("", "");
            let mut response = support::wire::response(&headers);
            if let Some(stream) = stream {
                request.stream = stream;
                response = response.request(&request);
            }
            let mut answer = Accumulator::new();
            let mut decoder = format.decoder(&response);
            decoder.push(body.as_bytes(), &mut |delta| answer.delta(&delta));
            decoder.finish(&mut |delta| answer.delta(&delta));
            let result = answer.finish();
            assert_eq!((result.text(), result.decode_faults), ("Héllo 👋", 0), "{content_type:?}");
            result.streamed
        };
        for content_type in [Some("application/json"), Some("application/x-ndjson"), None] {
            assert!(!streamed(content_type, Some(false)), "{content_type:?}");
            assert!(streamed(content_type, Some(true)), "{content_type:?}");
        }
        assert!(!streamed(Some("application/json"), None));
        assert!(streamed(Some("application/x-ndjson"), None));
    }
}

#[test]
fn errors_over_http() {
    let formats: [&dyn Format; 2] = [&OllamaChat, &OllamaGenerate];
    for format in formats {
        let body = br#"{"error":"model \"x\" not found"}"#;
        let error = format.error(StatusCode::NOT_FOUND, body);
        assert_eq!(error, ProviderError::new("model \"x\" not found").status(404));
        let body = format.error_body(StatusCode::FORBIDDEN, "over \"budget\"");
        assert_eq!(body, br#"{"error":"over \"budget\""}"#);
        let error = format.error(StatusCode::FORBIDDEN, &body);
        assert_eq!(error, ProviderError::new("over \"budget\"").status(403));
    }
}

/// Lines in any order, valid or not.
fn any_lines() -> impl Strategy<Value = String> {
    let words = vec![
        chat("a\n👋").to_string(),
        chat("").to_string(),
        generate("東").to_string(),
        json!({"message": {"thinking": "…"}}).to_string(),
        calls(&json!([{"function": {"name": "ü", "arguments": {"a": "👋"}}}])).to_string(),
        r#"{"message":{"content":"\ud83d"}}"#.to_owned(),
        "{".to_owned(),
        "data: {}".to_owned(),
        "[DONE]".to_owned(),
        whole().to_string(),
        json!({"error": "e"}).to_string(),
    ];
    let ends = prop::sample::select(vec!["\n", "\n", "\r\n", "\n\n", "\r", " "]);
    // The last two end the stream.
    let word = word(words, 2);
    prop::collection::vec((word, ends), 0..20)
        .prop_map(|lines| lines.iter().map(|(word, end)| format!("{word}{end}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunk_boundaries_do_not_matter(
        body in any_lines(),
        lengths in prop::collection::vec(0_usize..40, 1..8),
        limit in 20_usize..200,
    ) {
        let body = body.as_bytes();
        let pieces = || cut(body, &lengths);
        prop_assert_eq!(
            decode(OllamaDecoder::new(), pieces()),
            decode(OllamaDecoder::new(), [body])
        );
        prop_assert_eq!(
            decode(OllamaDecoder::with_limit(limit), pieces()),
            decode(OllamaDecoder::with_limit(limit), [body])
        );
        prop_assert_eq!(
            decode(OllamaDecoder::whole(), pieces()),
            decode(OllamaDecoder::whole(), [body])
        );
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(OllamaDecoder::new(), body.chunks(9));
        decode(OllamaDecoder::whole(), body.chunks(9));
        let formats: [&dyn Format; 2] = [&OllamaChat, &OllamaGenerate];
        for format in formats {
            format.error(StatusCode::BAD_GATEWAY, &body);
            let (uri, headers) = (Uri::from_static("/api/chat"), HeaderMap::new());
            let body = Bytes::copy_from_slice(&body);
            let start = format.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
            let _ = start.messages.get();
        }
    }

    /// Pretty-printed arguments are emitted compact.
    #[test]
    fn arguments_lose_only_white_space(
        members in prop::collection::btree_map("[a-z \\\\\"é👋\n]{0,6}", "[ -~é\n\t]{0,8}", 0..6),
    ) {
        let value = json!(members);
        let line = |arguments: &str| {
            let line = format!(r#"{{"message":{{"tool_calls":[{{"function":{{"arguments":{arguments}}}}}]}}}}"#);
            let deltas = decode(OllamaDecoder::whole(), [line.as_bytes()]);
            let mut result = sum(&deltas);
            result.choices[0].tool_calls.remove(0).arguments
        };
        prop_assert_eq!(line(&format!("{value:#}")), value.to_string());
        prop_assert_eq!(line(&value.to_string()), value.to_string());
    }
}

#[test]
fn an_embedding_of_nothing_ran_no_model() {
    let headers = HeaderMap::new();
    for (body, expected) in [
        (&br#"{"embedding":[]}"#[..], true),
        (br#"{"model":"m","embeddings":[],"total_duration":14}"#, true),
        (br#"{"embedding":[0.5,0.25]}"#, false),
    ] {
        let mut decoder = OllamaEmbed.decoder(&LlmHttpResponse::new(StatusCode::OK, &headers));
        let mut deltas = Vec::new();
        decoder.push(body, &mut |delta| deltas.push(delta.into_owned()));
        decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
        assert_eq!(deltas.contains(&Delta::NotInferred), expected, "{deltas:?}");
    }
}
