//! Google's Gemini API: all rules of the mapping, at any chunk boundaries.

mod format;

use std::borrow::Cow;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::wire::{cut, word};
use tower_llm_callbacks::{
    Delta, LlmResult, ProviderError, Usage,
    event::Accumulator,
    wire::{
        Decoder, Format,
        gemini::{Gemini, GeminiDecoder},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(
        decoder,
        pieces,
        b"data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n",
    )
}

/// Decodes a body. Asserts that small chunks yield the same deltas.
fn body(body: impl AsRef<[u8]>) -> Vec<Delta<'static>> {
    let body = body.as_ref();
    let whole = decode(GeminiDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(
            decode(GeminiDecoder::new(), body.chunks(size)),
            whole,
            "chunks of {size} bytes"
        );
    }
    whole
}

fn sse<S: ToString>(chunks: impl IntoIterator<Item = S>) -> String {
    chunks.into_iter().map(|chunk| format!("data: {}\r\n\r\n", chunk.to_string())).collect()
}

/// Decodes chunks. Asserts that events and an array yield the same deltas.
fn chunks(chunks: impl IntoIterator<Item = Value>) -> Vec<Delta<'static>> {
    let chunks: Vec<_> = chunks.into_iter().collect();
    let all = body(sse(&chunks));
    assert_eq!(body(format!("{:#}", json!(chunks))), all);
    all
}

#[allow(clippy::needless_pass_by_value, reason = "callers pass literals")]
fn parts(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]})
}

fn text(text: &str) -> Value {
    parts(json!([{ "text": text }]))
}

fn stop() -> Value {
    json!({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]})
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(Cow::Owned(raw)) }
}

fn call(index: u32, id: Option<&str>, name: &str, arguments: &str) -> Delta<'static> {
    Delta::ToolCall {
        choice: 0,
        index,
        id: id.map(|id| id.to_owned().into()),
        name: Some(name.to_owned().into()),
        arguments: arguments.to_owned().into(),
    }
}

fn arguments(index: u32, arguments: &str) -> Delta<'static> {
    let arguments = arguments.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: None, name: None, arguments }
}

fn ending() -> [Delta<'static>; 2] {
    [Delta::finish("STOP"), Delta::Done]
}

fn sum(deltas: &[Delta<'_>]) -> LlmResult {
    let mut sum = Accumulator::new();
    deltas.iter().for_each(|delta| sum.delta(delta));
    sum.finish()
}

#[test]
fn a_text_answer() {
    let id = json!({"responseId": "r1", "modelVersion": "gemini-test"});
    let with_id = |mut chunk: Value| {
        chunk.as_object_mut().unwrap().extend(id.as_object().unwrap().clone());
        chunk
    };
    let all = chunks([
        with_id(text("Héllo")),
        with_id(text("")),
        with_id(text(" 東京 👋\n\"q\\uoted\" [{]}")),
        with_id(stop()),
    ]);
    let expected = [
        Delta::Response { id: Some("r1".into()), model: Some("gemini-test".into()) },
        Delta::text("Héllo"),
        Delta::text(" 東京 👋\n\"q\\uoted\" [{]}"),
        Delta::finish("STOP"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn id_and_model_may_arrive_separately() {
    let all = chunks([
        json!({"responseId": ""}),
        json!({"modelVersion": "m"}),
        json!({"modelVersion": "m", "responseId": "r"}),
        json!({"responseId": "other"}),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("m".into()) },
        Delta::Response { id: Some("r".into()), model: None },
    ];
    assert_eq!(all, expected);
}

#[test]
fn thoughts_are_reasoning_and_unknown_parts_are_skipped() {
    let all = chunks([
        parts(json!([{"text": "hm", "thought": true, "thoughtSignature": "c2ln"}])),
        parts(json!([
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"toolCall": {"toolType": "GOOGLE_SEARCH", "id": "s", "args": {"q": "x"}}},
            {"toolResponse": {"id": "s"}}, {"fileData": {"fileUri": "u"}}, {"thoughtSignature": "s"},
            {"new": 1}, 7, null, "x",
            {"text": "one", "thought": false}, {"text": "two", "thought": null},
        ])),
        stop(),
    ]);
    let thought = Delta::Reasoning { choice: 0, text: "hm".into() };
    let expected = [thought, Delta::text("one"), Delta::text("two")];
    assert_eq!(all, [&expected[..], &ending()].concat());
}

/// With server-side tools, each step ends with a finish reason.
#[test]
fn content_after_a_finish_reason_is_decoded() {
    let mut last = text("b");
    last["candidates"][0]["finishReason"] = "MAX_TOKENS".into();
    let all = chunks([text("a"), stop(), text("more"), last.clone()]);
    let expected = [
        Delta::text("a"),
        Delta::finish("STOP"),
        Delta::text("more"),
        // A chunk's parts precede its finish reason.
        Delta::text("b"),
        Delta::finish("MAX_TOKENS"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
    // Also without a second finish reason.
    let all = chunks([stop(), text("a")]);
    assert_eq!(all, [Delta::finish("STOP"), Delta::text("a"), Delta::Done]);
}

#[test]
fn an_answer_without_a_finish_reason_is_truncated() {
    assert_eq!(chunks([text("a")]), [Delta::text("a")]);
    let unspecified = json!({"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}, {"finishReason": ""}]});
    assert_eq!(chunks([unspecified]), []);
    for nothing in ["", " \r\n", "\u{FEFF}", "[", "[]", "[\n]", ": comment\n\n", "data:\n\n"] {
        assert_eq!(body(nothing), [], "{nothing:?}");
    }
    // Cut within an event after the finish reason.
    let cut = sse([stop(), text("more")]);
    let cut = &cut[..cut.len() - 12];
    assert_eq!(body(cut), [Delta::finish("STOP"), Delta::DecodeFault]);
    let array = json!([stop(), text("more")]).to_string();
    let cut = &array[..array.len() - 5];
    assert_eq!(body(cut), [Delta::finish("STOP"), Delta::DecodeFault]);
    // Only the end of the array is missing.
    let cut = &array[..array.len() - 1];
    assert_eq!(body(cut), [Delta::finish("STOP"), Delta::text("more"), Delta::Done]);
}

#[test]
fn candidates_are_choices() {
    let all = chunks([
        json!({"candidates": [
            {"index": 1, "content": {"parts": [{"text": "b"}]}},
            {"index": 0, "content": {"parts": [{"functionCall": {"name": "f", "args": {}}}]},
             "finishReason": "STOP"},
        ]}),
        json!({"candidates": [
            {"index": 1, "content": {"parts": [{"functionCall": {"name": "g"}}]}}]}),
    ]);
    let of_other = |name: &'static str| Delta::ToolCall {
        choice: 1,
        index: 0,
        id: None,
        name: Some(name.into()),
        arguments: "".into(),
    };
    let expected = [
        Delta::Text { choice: 1, text: "b".into() },
        call(0, None, "f", "{}"),
        Delta::finish("STOP"),
        of_other("g"),
    ];
    assert_eq!(all, expected, "one candidate has no finish reason");
    // Without an index, by position.
    let all =
        chunks([json!({"candidates": [{"finishReason": "STOP"}, {"finishReason": "SAFETY"}]})]);
    let second = Delta::Finish { choice: 1, reason: "SAFETY".into() };
    assert_eq!(all, [Delta::finish("STOP"), second, Delta::Done]);
    // More candidates than can be requested.
    let many: Vec<_> = (0..65).map(|n| json!({"index": n, "finishReason": "STOP"})).collect();
    let all = chunks([json!({"candidates": many}), json!({"candidates": [{"index": 1e30}]})]);
    assert_eq!(all[64..], [Delta::DecodeFault, Delta::Done]);
}

#[test]
fn a_blocked_prompt_is_a_finish_reason() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7}});
    let expected = [
        Delta::finish("PROHIBITED_CONTENT"),
        usage(Usage::new(7, None).total(7), blocked["usageMetadata"].clone()),
    ];
    let all = chunks([blocked.clone()]);
    assert_eq!(all, [&expected[..], &[Delta::Done]].concat());
    let whole = body(blocked.to_string());
    assert_eq!(whole, [&[Delta::NotStreamed], &expected[..], &[Delta::Done]].concat());
    let harmless = json!({"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}});
    assert_eq!(chunks([harmless]), []);
}

#[test]
fn function_calls() {
    // Arguments keep their order, and white space only within strings.
    let chunk = r#"{"candidates": [{"content": {"parts": [
        {"functionCall": {"name": "f", "args": { "z": [1, 2.50], "a" : {"t": "a \" b\\"} } },
         "thoughtSignature": "s"},
        {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        {"functionCall": {"name": "h"}},
        {"functionCall": {"name": "i", "args": null}},
        {"functionCall": {"name": "j", "args": "{\"a\": 1}"}},
        {"functionCall": {"name": "k", "args": [1, {"b": 2}]}},
        {"functionCall": {}}, {"functionCall": null}
    ]}, "finishReason": "STOP"}]}"#;
    let expected = [
        call(0, None, "f", r#"{"z":[1,2.50],"a":{"t":"a \" b\\"}}"#),
        call(1, Some("c2"), "g", "{}"),
        call(2, None, "h", ""),
        call(3, None, "i", ""),
        call(4, None, "j", "{\"a\": 1}"),
        call(5, None, "k", "[1,{\"b\":2}]"),
    ];
    let all = [&expected[..], &ending()].concat();
    assert_eq!(body(sse([chunk.replace('\n', "")])), all);
    assert_eq!(body(format!("[{chunk}]")), all);
    assert_eq!(body(chunk), [&[Delta::NotStreamed], &all[..]].concat());
}

#[test]
fn a_lone_surrogate_is_replaced() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f",
        "args":{"t":"\ud83d", "u":"\ud83d\ude00"}}}]}}]}"#;
    let expected = r#"{"t":"\ufffd","u":"\ud83d\ude00"}"#;
    assert_eq!(body(sse([chunk.replace('\n', "")])), [call(0, None, "f", expected)]);
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"a\ud83d"}]}}]}"#;
    assert_eq!(body(sse([chunk])), [Delta::DecodeFault, Delta::text("a\u{FFFD}")]);
}

#[allow(clippy::needless_pass_by_value, reason = "callers pass literals")]
fn piece(call: Value) -> Value {
    parts(json!([{ "functionCall": call }]))
}

fn text_at(path: &str, text: &str, more: bool) -> Value {
    let argument = json!({"jsonPath": path, "stringValue": text, "willContinue": more});
    piece(json!({"partialArgs": [argument], "willContinue": true}))
}

#[test]
fn a_function_call_in_fragments() {
    let all = chunks([
        piece(json!({"id": "c1", "name": "f", "willContinue": true})),
        text_at("$.z", "New", true),
        text_at("$.z", " \"Delhi\" 👋", true),
        text_at("$.z", "", false),
        piece(json!({"partialArgs": [
            {"jsonPath": "$.list[1].n", "numberValue": 2.5},
            {"jsonPath": "$.list[0]", "boolValue": true},
            {"jsonPath": "$['a b']", "nullValue": "NULL_VALUE"},
            {"jsonPath": "$.nothing"},
        ], "willContinue": true})),
        piece(json!({})),
        piece(json!({"name": "f", "args": {"b": 1}})),
        stop(),
    ]);
    let expected = [
        call(0, Some("c1"), "f", ""),
        arguments(
            0,
            r#"{"z":"New \"Delhi\" 👋","list":[true,{"n":2.5}],"a b":null,"nothing":null}"#,
        ),
        call(1, None, "f", r#"{"b":1}"#),
    ];
    assert_eq!(all, [&expected[..], &ending()].concat());
}

#[test]
fn irregular_fragments_of_function_calls() {
    // A call in one fragment, a repeated name, and calls that start before the previous one has ended.
    let argument = |n: u64| json!([{"jsonPath": "$.n", "numberValue": n}]);
    let all = chunks([
        piece(json!({"name": "f", "partialArgs": argument(1)})),
        piece(json!({"name": "g", "willContinue": true})),
        piece(json!({"name": "g", "partialArgs": argument(2), "willContinue": true})),
        piece(json!({"name": "h", "partialArgs": argument(3), "willContinue": true})),
        piece(json!({"name": "h", "id": "other", "willContinue": true})),
        // A value that changes its type, and a text that starts again.
        text_at("$.n[0]", "a", false),
        text_at("$.n.m", "a", false),
        text_at("$.n.m", "b", false),
        stop(),
    ]);
    let expected = [
        call(0, None, "f", ""),
        arguments(0, r#"{"n":1}"#),
        call(1, None, "g", ""),
        arguments(1, r#"{"n":2}"#),
        call(2, None, "h", ""),
        arguments(2, r#"{"n":3}"#),
        call(3, Some("other"), "h", ""),
        Delta::finish("STOP"),
        arguments(3, r#"{"n":{"m":"b"}}"#),
        Delta::Done,
    ];
    assert_eq!(all, expected);
    // If the body is cut, the arguments so far are emitted.
    let all =
        chunks([piece(json!({"name": "f", "willContinue": true})), text_at("$.a", "b", true)]);
    assert_eq!(all, [call(0, None, "f", ""), arguments(0, r#"{"a":"b"}"#)]);
}

#[test]
fn fragments_without_a_valid_path_are_faults() {
    for path in ["", "$", "a", "$..a", "$[*]", "$.a[99999999]", "$[18446744073709551615]"] {
        let open = piece(json!({"name": "f", "willContinue": true}));
        let all = chunks([open, text_at(path, "x", false), text_at("$.b", "y", false)]);
        let expected = [call(0, None, "f", ""), Delta::DecodeFault, arguments(0, r#"{"b":"y"}"#)];
        assert_eq!(all, expected, "{path}");
    }
    let deep = text_at(&format!("${}", "[0]".repeat(100_000)), "x", false);
    assert_eq!(sum(&chunks([deep])).decode_faults, 1);
    // Fragments up to the bound.
    let big = "x".repeat(3 * 1024 * 1024);
    let all = (0..8).map(|_| text_at("$.a", &big, true));
    let all = sum(&decode(GeminiDecoder::new(), [sse(all).as_bytes()]));
    assert_eq!(all.decode_faults, 3);
    assert_eq!(all.choices[0].tool_calls[0].arguments.len(), 5 * big.len() + r#"{"a":""}"#.len());
    let many = (0..4_200).map(|n| text_at(&format!("$.a{n}"), "", false));
    let all = sum(&decode(GeminiDecoder::new(), [sse(many).as_bytes()]));
    assert_eq!(all.decode_faults, 4_200 - 4 * 1024);
}

#[test]
fn the_last_usage_is_emitted() {
    let raw = json!({"promptTokenCount": 91, "cachedContentTokenCount": 50, "totalTokenCount": 969,
        "candidatesTokenCount": 93, "thoughtsTokenCount": 211, "toolUsePromptTokenCount": 574,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 91}]});
    let only_kind = json!({"usageMetadata": {"trafficType": "ON_DEMAND"}});
    let first = json!({"promptTokenCount": 15, "totalTokenCount": 15});
    let all = chunks([
        only_kind.clone(),
        json!({"usageMetadata": first}),
        json!({"usageMetadata": raw}),
        only_kind,
        json!({"usageMetadata": null}),
    ]);
    let mut total = Usage::new(665, 304).cached(50, None).reasoning(211);
    assert_eq!(total.total_tokens, Some(969));
    let kind = || usage(Usage::default(), json!({"trafficType": "ON_DEMAND"}));
    let first = usage(Usage::new(15, None).total(15), first);
    assert_eq!(all, [kind(), first, usage(total, raw), kind()]);
    // The given total, or else the sum, without overflow.
    let all = chunks([
        json!({"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 5}}),
        json!({"usageMetadata": {"candidatesTokenCount": u64::MAX, "thoughtsTokenCount": 1}}),
    ]);
    // What the total has beside the input is the output.
    total = Usage::new(1, 4).total(5);
    let last = Usage::new(None, u64::MAX).reasoning(1);
    let counts = |delta: &Delta<'_>| match delta {
        Delta::Usage { usage, .. } => usage.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(all.iter().map(counts).collect::<Vec<_>>(), [total, last]);
}

fn overloaded() -> Delta<'static> {
    Delta::Error(ProviderError::new("Overloaded").code("UNAVAILABLE"))
}

#[test]
fn errors_in_the_answer() {
    let error = json!({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE",
        "details": [{"@type": "x"}]}});
    assert_eq!(chunks([text("a"), error.clone(), text("b")]), [Delta::text("a"), overloaded()]);
    for answer in [
        error.to_string(),
        format!("{:#}", json!([error])),
        sse([json!([error])]),
        format!("\r\n{error}\n"),
    ] {
        assert_eq!(body(&answer), [overloaded()], "{answer}");
    }
    let whole = decode(GeminiDecoder::whole(), [json!([error]).to_string().as_bytes()]);
    assert_eq!(whole, [overloaded()]);
}

#[test]
fn an_unstreamed_answer_equals_its_stream() {
    let chunk = json!({"candidates": [{"content": {"parts": [
            {"text": "hm", "thought": true}, {"text": "Hi"},
            {"functionCall": {"name": "f", "args": {"a": 1}}},
        ]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        "modelVersion": "m", "responseId": "r"});
    let streamed = chunks([chunk.clone()]);
    let expected = [&[Delta::NotStreamed], &streamed[..]].concat();
    for answer in [chunk.to_string(), format!("\u{FEFF} {chunk:#}\n")] {
        assert_eq!(body(&answer), expected);
        assert_eq!(decode(GeminiDecoder::whole(), answer.as_bytes().chunks(3)), expected);
    }
    let (streamed, mut whole) = (sum(&streamed), sum(&expected));
    (whole.streamed, whole.tokens) = (true, streamed.tokens);
    assert_eq!(whole, streamed);
    // An unstreamed answer is complete even without a finish reason.
    assert_eq!(body(text("a").to_string()), [Delta::NotStreamed, Delta::text("a"), Delta::Done]);
}

#[test]
fn invalid_unstreamed_bodies_are_faults() {
    for answer in ["", " ", "{"] {
        let all = decode(GeminiDecoder::whole(), [answer.as_bytes()]);
        assert_eq!(all, [Delta::DecodeFault], "{answer}");
    }
    // A whole body that is no answer is an error, not a truncated answer.
    for answer in ["null", "{}", "no json", "<html>", r#"{"name":"models/x"}"#] {
        let all = decode(GeminiDecoder::whole(), [answer.as_bytes()]);
        assert!(matches!(all[..], [Delta::Error(_)]), "{answer}");
    }
}

#[test]
fn undecodable_events_are_faults_and_decoding_continues() {
    for bad in ["{", "no json", "{\"candidates\":}", "[]", "null", "7", "\"text\"", "{} {}"] {
        let all = body(sse([&text("a").to_string(), bad, &stop().to_string()]));
        let expected = [Delta::text("a"), Delta::DecodeFault, Delta::finish("STOP"), Delta::Done];
        assert_eq!(all, expected, "{bad}");
    }
    let odd = json!({"candidates": {}, "usageMetadata": [], "promptFeedback": 7, "responseId": {},
        "error": null});
    let odder = json!({"candidates": [{"content": {"parts": {}}}, {"content": 7, "index": "x"}]});
    assert_eq!(chunks([odd, odder, text("a")]), [Delta::text("a")]);
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert_eq!(body(sse([deep.as_str(), "[DONE]"])), [Delta::DecodeFault]);
}

#[test]
fn arrays() {
    let [a, b] = [text("a ]}\" \\\\ [{").to_string(), text("b").to_string()];
    let expected = [Delta::text("a ]}\" \\\\ [{"), Delta::text("b")];
    for array in [
        format!("[{a},{b}]"),
        format!("[{a}\r\n,\r\n{b}\r\n]\n"),
        format!("\u{FEFF} [{a} , , {b},]"),
        // Without commas, with items of other types, and with an extra end.
        format!("[{a}{b}]]"),
        format!("[1, \"{{\", null, {a}, true, {b}]}}"),
        format!("[[{a}], [[{b}]]]"),
    ] {
        assert_eq!(body(&array), expected, "{array}");
    }
    // A broken item is a fault. Decoding continues after it if its brackets match.
    let all = body(format!("[{a},{{\"x\": }},{b}]"));
    assert_eq!(all, [expected[0].clone(), Delta::DecodeFault, expected[1].clone()]);
    assert_eq!(body(format!("[{a},{{\"x]}},{b}]")), [expected[0].clone(), Delta::DecodeFault]);
    assert_eq!(body("[}}}]]]"), []);
    assert_eq!(body(b"[{\xFF"), [Delta::DecodeFault]);
}

#[test]
fn chunks_over_the_limit_are_faults() {
    let long = text(&"x\\\"]}".repeat(100));
    let all = [text("a"), long, text("b")];
    let expected = [Delta::text("a"), Delta::DecodeFault, Delta::text("b")];
    for answer in [sse(&all), json!(all).to_string()] {
        for size in [1, 10, 5000] {
            let pieces = answer.as_bytes().chunks(size);
            assert_eq!(decode(GeminiDecoder::with_limit(200), pieces), expected);
        }
    }
    // The limit is exact to the byte.
    let item = text("a").to_string();
    let array = format!("[{item}]");
    for (limit, expected) in [(item.len(), Delta::text("a")), (item.len() - 1, Delta::DecodeFault)]
    {
        for size in [1, 10, 5000] {
            let all = decode(GeminiDecoder::with_limit(limit), array.as_bytes().chunks(size));
            assert_eq!(all, std::slice::from_ref(&expected));
        }
    }
}

/// Chunks in any order, valid or not, as events or as an array.
fn any_body() -> impl Strategy<Value = String> {
    let words = vec![
        text("a\n👋]}\"").to_string(),
        parts(json!([{"text": "…", "thought": true}])).to_string(),
        piece(json!({"name": "f", "args": {"ü": "👋"}})).to_string(),
        piece(json!({"name": "f", "willContinue": true})).to_string(),
        text_at("$.a.b", "东", true).to_string(),
        text_at("$.a[1]", "x", false).to_string(),
        piece(json!({})).to_string(),
        r#"{"candidates":[{"content":{"parts":[{"text":"\ud83d"}]}}]}"#.to_owned(),
        json!({"candidates": [{"index": 1, "finishReason": "STOP"}]}).to_string(),
        json!({"usageMetadata": {"promptTokenCount": 1}, "responseId": "r"}).to_string(),
        stop().to_string(),
        "{\"x\":".to_owned(),
        "]".to_owned(),
        "\"".to_owned(),
        json!({"promptFeedback": {"blockReason": "OTHER"}}).to_string(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last one, an error, ends the stream.
    let word = word(words, 1);
    let ends = prop::sample::select(vec!["\r\n\r\n", "\n\n", "\r\r", "\n", " "]);
    let events = prop::collection::vec((word.clone(), ends), 0..20).prop_map(|events| {
        events.iter().map(|(word, end)| format!("data: {word}{end}")).collect::<String>()
    });
    let commas = prop::sample::select(vec![",", ",\r\n", " , ", ""]);
    let array = prop::collection::vec((word, commas), 0..20).prop_map(|items| {
        let items: String = items.iter().map(|(word, comma)| format!("{word}{comma}")).collect();
        format!("[{items}]")
    });
    prop_oneof![events, array]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunk_boundaries_do_not_matter(
        body in any_body(),
        lengths in prop::collection::vec(0_usize..40, 1..8),
        limit in 20_usize..200,
    ) {
        let body = body.as_bytes();
        let pieces = || cut(body, &lengths);
        prop_assert_eq!(decode(GeminiDecoder::new(), pieces()), decode(GeminiDecoder::new(), [body]));
        prop_assert_eq!(
            decode(GeminiDecoder::with_limit(limit), pieces()),
            decode(GeminiDecoder::with_limit(limit), [body])
        );
        prop_assert_eq!(
            decode(GeminiDecoder::whole(), pieces()),
            decode(GeminiDecoder::whole(), [body])
        );
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(GeminiDecoder::new(), body.chunks(9));
        decode(GeminiDecoder::whole(), body.chunks(9));
        let array = [b"[{\"", &body[..]].concat();
        prop_assert_eq!(
            decode(GeminiDecoder::new(), array.chunks(1)),
            decode(GeminiDecoder::new(), [&array[..]])
        );
        Gemini.error(StatusCode::BAD_GATEWAY, &body);
    }
}
