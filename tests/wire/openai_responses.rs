//! OpenAI's Responses API: every rule of the mapping, whatever the cuts.

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
        openai_responses::{OpenAiResponses, OpenAiResponsesDecoder},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"data: {\"type\":\"response.completed\"}\n\n")
}

/// What a streamed body says: the same whole, in single bytes and in small pieces.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(OpenAiResponsesDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        let cut = decode(OpenAiResponsesDecoder::new(), body.chunks(size));
        assert_eq!(cut, whole, "pieces of {size}");
    }
    whole
}

/// What a whole body says, likewise.
fn answer(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(OpenAiResponsesDecoder::whole(), [body]);
    assert_eq!(decode(OpenAiResponsesDecoder::whole(), body.chunks(1)), whole);
    whole
}

/// The event stream of JSON texts.
fn sse<S: ToString>(events: impl IntoIterator<Item = S>) -> String {
    let event = |event: S| {
        let event = event.to_string();
        let kind = serde_json::from_str::<Value>(&event).unwrap_or_default();
        let name = kind["type"].as_str().unwrap_or("data").to_owned();
        format!("event: {name}\ndata: {event}\n\n")
    };
    events.into_iter().map(event).collect()
}

fn events<S: ToString>(events: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&sse(events))
}

/// An event that holds the answer as a whole.
fn about(kind: &str, response: &Value) -> Value {
    json!({"type": format!("response.{kind}"), "sequence_number": 0, "response": response})
}

fn created() -> Value {
    about(
        "created",
        &json!({"object": "response", "id": "resp_1", "model": "gpt-test",
        "status": "in_progress", "error": null, "output": [], "usage": null}),
    )
}

fn completed() -> Value {
    about("completed", &json!({"status": "completed"}))
}

fn piece(kind: &str, index: u64, text: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index,
        "item_id": format!("item_{index}"), "content_index": 0, "delta": text})
}

fn text(index: u64, text: &str) -> Value {
    piece("output_text", index, text)
}

fn fragment(index: u64, text: &str) -> Value {
    piece("function_call_arguments", index, text)
}

fn added(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

/// A message item with a text; one without has no part yet.
fn message(text: &str) -> Value {
    let mut item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
    if !text.is_empty() {
        item["content"] = json!([{"type": "output_text", "text": text, "annotations": []}]);
    }
    item
}

fn function(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name,
        "arguments": arguments})
}

fn response() -> Delta<'static> {
    Delta::Response { id: Some("resp_1".into()), model: Some("gpt-test".into()) }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn refusal(text: &str) -> Delta<'static> {
    Delta::Refusal { choice: 0, text: text.to_owned().into() }
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    Delta::ToolCall {
        choice: 0,
        index,
        id: Some(id.to_owned().into()),
        name: Some(name.to_owned().into()),
        arguments: arguments.to_owned().into(),
    }
}

fn arguments(index: u32, fragment: &str) -> Delta<'static> {
    let arguments = fragment.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: None, name: None, arguments }
}

/// What deltas add up to.
fn sum(deltas: &[Delta<'_>]) -> tower_llm_callbacks::LlmResult {
    let mut answer = Accumulator::new();
    deltas.iter().for_each(|delta| answer.delta(delta));
    let mut result = answer.finish();
    (result.streamed, result.tokens) = (false, 0);
    result
}

#[test]
fn a_text_is_told_once_although_it_comes_four_times() {
    let part = json!({"type": "output_text", "text": "Héllo 東京"});
    let raw = json!({"input_tokens": 17, "output_tokens": 5, "total_tokens": 22});
    let all = events([
        created(),
        about("in_progress", &json!({"id": "resp_1", "model": "gpt-test"})),
        added(0, &message("")),
        json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0,
            "part": {"type": "output_text", "text": ""}}),
        text(0, "Héllo"),
        text(0, ""),
        text(0, " 東京"),
        json!({"type": "response.output_text.done", "output_index": 0, "text": "Héllo 東京"}),
        json!({"type": "response.content_part.done", "output_index": 0, "part": part}),
        done(0, &message("Héllo 東京")),
        about(
            "completed",
            &json!({"id": "resp_1", "model": "gpt-test", "status": "completed",
            "output": [message("Héllo 東京")], "usage": raw}),
        ),
        text(0, "after the end"),
    ]);
    let expected = [
        response(),
        Delta::text("Héllo"),
        Delta::text(" 東京"),
        usage(Usage::new(17, 5), raw),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn what_no_delta_told_is_told_at_the_first_end_that_has_it() {
    let item = message("whole");
    let last = about("completed", &json!({"status": "completed", "output": [item]}));
    let end = [Delta::finish("completed"), Delta::Done];
    let told = |all: Vec<Delta<'static>>| {
        assert_eq!(all[all.len() - 2..], end);
        all[..all.len() - 2].to_vec()
    };
    let whole = [Delta::text("whole")];
    // By the end of its item, announced or not, and only the first end.
    assert_eq!(told(events([done(0, &item), last.clone()])), whole);
    assert_eq!(told(events([done(0, &item), done(0, &item), last.clone()])), whole);
    assert_eq!(told(events([added(0, &message("")), done(0, &item), last.clone()])), whole);
    // By the end of the answer, where nothing else told it.
    assert_eq!(told(events([&last])), whole);
    assert_eq!(told(events([added(0, &message("")), last.clone()])), whole);
    // Not twice, though the place in the output is another one.
    assert_eq!(told(events([text(3, "whole"), done(3, &item), last.clone()])), whole);
    // A second item of which no delta came.
    let all = told(events([text(0, "a"), done(0, &message("a")), done(1, &message("b")), last]));
    assert_eq!(all, [Delta::text("a"), Delta::text("b")]);
    // The output of the last event may be empty.
    let empty = about("completed", &json!({"status": "completed", "output": []}));
    assert_eq!(told(events([text(0, "whole"), empty])), whole);
}

#[test]
fn all_kinds_of_which_nothing_was_told_come_from_the_last_event() {
    let output = json!([
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "a"},
            {"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}]},
        message("c"),
        function("1", "f", "{}"),
        function("2", "g", ""),
    ]);
    let last = about("completed", &json!({"output": output}));
    let end = [Delta::finish("completed"), Delta::Done];
    let every = [
        reasoning("hm"),
        Delta::text("a"),
        Delta::text("b"),
        refusal("no"),
        Delta::text("c"),
        call(0, "1", "f", "{}"),
        call(1, "2", "g", ""),
    ];
    assert_eq!(events([&last]), [&every[..], &end].concat());
    let all = events([text(0, "abc"), last.clone()]);
    let rest = [reasoning("hm"), refusal("no"), every[5].clone(), every[6].clone()];
    assert_eq!(all, [&[Delta::text("abc")], &rest[..], &end].concat());
    let all = events([added(3, &function("1", "f", "")), last]);
    assert_eq!(all, [&[call(0, "1", "f", "")], &every[..5], &end].concat());
}

#[test]
fn refusals() {
    let item = json!({"type": "message", "content": [{"type": "refusal", "refusal": "I can't"}]});
    let all = events([
        added(0, &message("")),
        piece("refusal", 0, "I"),
        piece("refusal", 0, " can't"),
        json!({"type": "response.refusal.done", "output_index": 0, "refusal": "I can't"}),
        done(0, &item),
        completed(),
    ]);
    let end = [Delta::finish("completed"), Delta::Done];
    assert_eq!(all, [&[refusal("I"), refusal(" can't")], &end[..]].concat());
    assert_eq!(events([done(0, &item), completed()]), [&[refusal("I can't")], &end[..]].concat());
}

#[test]
fn reasoning_is_the_raw_text_or_its_summary_never_both() {
    let item = |content: &[&str], summary: &[&str]| {
        let parts = |texts: &[&str], kind: &str| -> Value {
            texts.iter().map(|text| json!({"type": kind, "text": text})).collect()
        };
        json!({"type": "reasoning", "encrypted_content": "c2VjcmV0",
            "content": parts(content, "reasoning_text"), "summary": parts(summary, "summary_text")})
    };
    let raw = |index, text| piece("reasoning_text", index, text);
    let summary = |index, text| piece("reasoning_summary_text", index, text);
    // The first that is streamed stands.
    let both = item(&["raw"], &["sum"]);
    assert_eq!(
        events([raw(0, "r"), raw(0, "aw"), summary(0, "sum"), done(0, &both)]),
        [reasoning("r"), reasoning("aw")]
    );
    assert_eq!(events([summary(0, "sum"), raw(0, "raw"), done(0, &both)]), [reasoning("sum")]);
    // Each item for itself.
    assert_eq!(events([summary(0, "a"), raw(2, "b")]), [reasoning("a"), reasoning("b")]);
    // Whole ones.
    assert_eq!(events([done(0, &both)]), [reasoning("raw")]);
    assert_eq!(events([done(0, &item(&[""], &["a", "b"]))]), [reasoning("a"), reasoning("b")]);
    assert_eq!(events([done(0, &item(&[], &[]))]), []);
}

#[test]
fn function_calls_interleave() {
    let all = events([
        added(1, &function("call_1", "weather", "")),
        fragment(1, ""),
        fragment(1, "{\"city\":"),
        added(2, &function("call_2", "time", "")),
        fragment(2, "{}"),
        fragment(1, "\"Paris\"}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 1,
            "item_id": "item_1", "arguments": "{\"city\":\"Paris\"}"}),
        done(1, &function("call_1", "weather", "{\"city\":\"Paris\"}")),
        done(2, &function("call_2", "time", "{}")),
        added(3, &function("call_3", "noargs", "")),
        done(3, &function("call_3", "noargs", "")),
        about(
            "completed",
            &json!({"status": "completed", "output": [
            function("call_1", "weather", "{\"city\":\"Paris\"}"), function("call_2", "time", "{}")]}),
        ),
    ]);
    let expected = [
        call(0, "call_1", "weather", ""),
        arguments(0, "{\"city\":"),
        call(1, "call_2", "time", ""),
        arguments(1, "{}"),
        arguments(0, "\"Paris\"}"),
        call(2, "call_3", "noargs", ""),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn arguments_that_come_at_once() {
    let all = json!({"type": "response.function_call_arguments.done", "output_index": 0,
        "arguments": "{\"a\":1}"});
    let item = function("c", "f", "{\"a\":1}");
    let opened = call(0, "c", "f", "");
    // By their own event, by the end of the item, and in what is announced only once they come again.
    let told = [opened.clone(), arguments(0, "{\"a\":1}")];
    assert_eq!(events([added(0, &function("c", "f", "")), all.clone(), done(0, &item)]), told);
    assert_eq!(events([added(0, &function("c", "f", "")), done(0, &item)]), told);
    assert_eq!(events([added(0, &item), all.clone(), done(0, &item)]), told);
    // Never announced.
    assert_eq!(events([done(0, &item), done(0, &item)]), [call(0, "c", "f", "{\"a\":1}")]);
    assert_eq!(events([done(0, &function("c", "f", ""))]), [call(0, "c", "f", "")]);
    // A resumed stream begins in the midst of a call.
    let resumed = events([fragment(0, ":1}"), all, done(0, &item)]);
    assert_eq!(resumed, [arguments(0, ":1}"), call(0, "c", "f", "")]);
    // Announced before its name is known.
    let nameless = json!({"type": "function_call", "id": "fc_c", "arguments": ""});
    let opened =
        Delta::ToolCall { choice: 0, index: 0, id: None, name: None, arguments: "".into() };
    let late = events([added(0, &nameless), fragment(0, "{\"a\":1}"), done(0, &item)]);
    assert_eq!(late, [opened, arguments(0, "{\"a\":1}"), call(0, "c", "f", "")]);
}

#[test]
fn items_are_known_by_place_then_by_id() {
    let with = |mut event: Value, index: Option<u64>, id: &str| {
        event["item_id"] = id.into();
        if event.get("item").is_some() {
            event["item"]["id"] = id.into();
        }
        match index {
            Some(index) => event["output_index"] = index.into(),
            None => drop(event.as_object_mut().unwrap().remove("output_index")),
        }
        event
    };
    let (one, two) = (function("1", "f", "ab"), function("2", "g", "cd"));
    let told = [
        call(0, "1", "f", ""),
        call(1, "2", "g", ""),
        arguments(0, "a"),
        arguments(1, "c"),
        arguments(0, "b"),
        arguments(1, "d"),
    ];
    let script = |first: &dyn Fn(Value) -> Value, second: &dyn Fn(Value) -> Value| {
        events([
            first(added(0, &one)),
            second(added(0, &two)),
            first(fragment(0, "a")),
            second(fragment(0, "c")),
            first(fragment(0, "b")),
            second(fragment(0, "d")),
            first(done(0, &one)),
            second(done(0, &two)),
        ])
    };
    // Ids that change from event to event.
    let rotation = std::cell::Cell::new(0);
    let rotate = || {
        rotation.set(rotation.get() + 1);
        format!("id_{}", rotation.get())
    };
    let rotating =
        script(&|event| with(event, Some(4), &rotate()), &|event| with(event, Some(5), &rotate()));
    assert_eq!(rotating, told);
    // One id for all of them.
    let same = |index| move |event| with(event, Some(index), "same");
    assert_eq!(script(&same(4), &same(5)), told);
    // No places.
    let ids = script(&|event| with(event, None, "x"), &|event| with(event, None, "y"));
    assert_eq!(ids, told);
    // Neither: what is open.
    let bare = events([
        with(added(0, &one), None, ""),
        with(fragment(0, "ab"), None, ""),
        with(done(0, &one), None, ""),
        with(added(0, &two), None, ""),
        with(fragment(0, "cd"), None, ""),
        with(done(0, &two), None, ""),
    ]);
    let expected =
        [call(0, "1", "f", ""), arguments(0, "ab"), call(1, "2", "g", ""), arguments(1, "cd")];
    assert_eq!(bare, expected);
    let bare = events([with(done(0, &one), None, ""), with(done(0, &two), None, "")]);
    assert_eq!(bare, [call(0, "1", "f", "ab"), call(1, "2", "g", "cd")]);
    // Deltas that do not say it, of items that do.
    let bare = |piece: &str| json!({"type": "response.output_text.delta", "delta": piece});
    let all = events([bare("a"), done(0, &message("a")), bare("b"), done(1, &message("b"))]);
    assert_eq!(all, [Delta::text("a"), Delta::text("b")]);
    let all = events([bare("a"), with(done(0, &message("a")), None, "x")]);
    assert_eq!(all, [Delta::text("a")]);
    let all = events([added(0, &message("")), bare("a"), done(0, &message("a"))]);
    assert_eq!(all, [Delta::text("a")]);
    // By id, of an item that is then known by its place.
    let by_id = with(text(0, "a"), None, "x");
    let all = events([by_id, with(done(0, &message("a")), Some(0), "x")]);
    assert_eq!(all, [Delta::text("a")]);
}

#[test]
fn custom_tools() {
    let item = |input: &str| {
        json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "sh",
            "input": input})
    };
    let all = events([
        added(0, &item("")),
        piece("custom_tool_call_input", 0, "ls "),
        piece("custom_tool_call_input", 0, "\"x\""),
        json!({"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "ls \"x\""}),
        done(0, &item("ls \"x\"")),
    ]);
    assert_eq!(all, [call(0, "c", "sh", ""), arguments(0, "ls "), arguments(0, "\"x\"")]);
    let all = events([
        added(0, &item("")),
        json!({"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "ls"}),
        done(0, &item("ls")),
    ]);
    assert_eq!(all, [call(0, "c", "sh", ""), arguments(0, "ls")]);
    assert_eq!(events([done(0, &item("ls"))]), [call(0, "c", "sh", "ls")]);
}

#[test]
fn tools_of_the_provider_are_no_calls() {
    for kind in [
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "computer_call",
        "compaction",
        "of_the_future",
    ] {
        let item = json!({"type": kind, "id": "i", "call_id": "c", "name": "n", "arguments": "{}",
            "output": "x", "code": "x", "content": [{"type": "output_text", "text": "x"}]});
        let all = events([
            added(0, &item),
            piece("mcp_call_arguments", 0, "{}"),
            piece("code_interpreter_call_code", 0, "1+1"),
            piece("shell_call_command", 0, "ls"),
            json!({"type": "response.mcp_call_arguments.done", "output_index": 0, "arguments": "{}"}),
            json!({"type": "response.web_search_call.searching", "output_index": 0}),
            // Of an item that is not one.
            fragment(0, "{}"),
            done(0, &item),
            about("completed", &json!({"output": [item]})),
        ]);
        assert_eq!(all, [Delta::finish("completed"), Delta::Done], "{kind}");
    }
}

#[test]
fn mcp_items_interleave_and_not_all_of_them_end() {
    let mcp = json!({"type": "mcp_call", "id": "mcp_1", "name": "n", "arguments": ""});
    let all = events([
        added(0, &mcp),
        added(1, &function("c", "f", "")),
        piece("mcp_call_arguments", 0, "{\"x\":"),
        fragment(1, "{}"),
        added(2, &message("")),
        text(2, "a"),
        done(1, &function("c", "f", "{}")),
        completed(),
    ]);
    let expected = [
        call(0, "c", "f", ""),
        arguments(0, "{}"),
        Delta::text("a"),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn what_it_does_not_know_is_passed_over() {
    let all = events([
        json!({"type": "response.of_the_future.delta", "delta": "x"}),
        json!({"type": "response.audio.delta", "delta": "AAAA"}),
        json!({"type": "response.audio.transcript.delta", "delta": "x"}),
        json!({"type": "response.output_text.annotation.added", "annotation": {}}),
        json!({"type": "response.output_text.delta"}),
        json!({"type": "response.output_item.added"}),
        json!({"type": "response.output_item.done", "item": {}}),
        json!({"type": "response.created"}),
        json!({"type": "keepalive"}),
        json!({}),
        json!({"type": 7}),
        text(0, "known"),
    ]);
    assert_eq!(all, [Delta::text("known")]);
}

#[test]
fn members_of_other_types_do_not_cost_the_event() {
    let all = events([
        about("created", &json!({"id": 7, "model": "m", "usage": "none", "output": {}})),
        about("queued", &json!(["x"])),
        json!({"type": "response.output_text.delta", "delta": "a", "output_index": "0",
            "item_id": 5, "item": [1], "response": true, "arguments": {}, "error": null}),
        json!({"type": "response.output_text.delta", "delta": {"text": "x"}}),
        json!({"type": "response.output_item.done", "item": {"type": "message", "content": "x"}}),
        json!({"type": "response.output_item.done", "output_index": 9,
            "item": {"type": "message", "content": [1, {"type": "output_text", "text": ["x"]}]}}),
        about(
            "completed",
            &json!({"status": 1, "incomplete_details": "x", "usage": 1,
            "output": [null, "x", {"type": 1}]}),
        ),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("m".into()) },
        Delta::text("a"),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn who_answers_is_told_once_and_the_first_word_stands() {
    let all = events([
        about("created", &json!({"id": "", "model": "gpt-test"})),
        about("in_progress", &json!({"id": "resp_1", "model": "other"})),
        about("completed", &json!({"id": "resp_2", "model": "other"})),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("gpt-test".into()) },
        Delta::Response { id: Some("resp_1".into()), model: None },
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
    // A resumed stream has no `response.created`, and maybe only the last event.
    let it = json!({"id": "resp_1", "model": "gpt-test", "status": "queued"});
    assert_eq!(events([about("queued", &it), about("in_progress", &it)]), [response()]);
    let end = [response(), Delta::finish("completed"), Delta::Done];
    assert_eq!(events([about("completed", &it)]), end);
}

#[test]
fn how_an_answer_ends() {
    let finish = |reason: &str| vec![Delta::finish(reason.to_owned()), Delta::Done];
    let failed = |message: &str, code: &str| {
        let error = ProviderError::new(message);
        vec![Delta::Error(if code.is_empty() { error } else { error.code(code) })]
    };
    let cancelled = failed("the response was cancelled", "cancelled");
    let boom = json!({"status": "failed", "error": {"code": "server_error", "message": "boom"}});
    let cut =
        |reason: &str| json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
    for (kind, response, expected) in [
        ("completed", json!({"status": "completed"}), finish("completed")),
        ("completed", json!({}), finish("completed")),
        ("completed", json!({"status": "in_progress"}), finish("completed")),
        ("incomplete", cut("max_output_tokens"), finish("max_output_tokens")),
        ("incomplete", cut("content_filter"), finish("content_filter")),
        ("incomplete", cut("steered"), finish("steered")),
        ("incomplete", json!({"incomplete_details": null}), finish("incomplete")),
        ("failed", boom.clone(), failed("boom", "server_error")),
        ("failed", json!({"error": "boom"}), failed("boom", "")),
        ("failed", json!({"error": null}), failed("error without a message", "")),
        ("failed", json!({}), failed("error without a message", "")),
        ("cancelled", json!({"status": "cancelled"}), cancelled.clone()),
        // The status says more than the name.
        ("completed", cut("max_output_tokens"), finish("max_output_tokens")),
        ("completed", boom, failed("boom", "server_error")),
        ("completed", json!({"status": "cancelled"}), cancelled),
        // But not less.
        ("failed", json!({"status": "completed"}), failed("error without a message", "")),
    ] {
        assert_eq!(events([about(kind, &response), text(0, "x")]), expected, "{kind} {response}");
    }
    // What was used until then is told before.
    let raw = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
    let failure = about("failed", &json!({"usage": raw, "error": {"message": "boom"}}));
    let mut expected = vec![usage(Usage::new(1, 2), raw)];
    expected.extend(failed("boom", ""));
    assert_eq!(events([failure]), expected);
}

#[test]
fn a_stream_without_its_end_is_not_done() {
    assert_eq!(events([created(), text(0, "a")]), [response(), Delta::text("a")]);
    assert_eq!(events([created()]), [response()]);
    let item = message("a");
    let all = events([added(0, &message("")), text(0, "a"), done(0, &item)]);
    assert_eq!(all, [Delta::text("a")]);
    assert_eq!(stream(""), []);
    assert_eq!(stream("\r\n\n"), []);
}

#[test]
fn the_other_end_mark() {
    let mark = "data: [DONE]\n\n";
    let ends = |all: Vec<Value>| {
        let body = sse(all) + mark;
        stream(&body).contains(&Delta::Done)
    };
    // After the answer's own end it is nothing.
    let body = sse([text(0, "a"), completed()]) + mark;
    assert_eq!(stream(&body), [Delta::text("a"), Delta::finish("completed"), Delta::Done]);
    // Without that it ends what looks complete.
    assert!(ends(vec![text(0, "a")]));
    assert!(ends(vec![added(0, &message("")), text(0, "a"), done(0, &message("a"))]));
    assert!(ends(vec![added(0, &function("c", "f", "")), done(0, &function("c", "f", ""))]));
    // And not what was cut.
    assert!(!ends(vec![]));
    assert!(!ends(vec![created()]));
    assert!(!ends(vec![piece("reasoning_text", 0, "hm")]));
    assert!(!ends(vec![added(0, &message("")), text(0, "a")]));
    assert!(!ends(vec![text(0, "a"), added(1, &function("c", "f", "")), fragment(1, "{")]));
}

#[test]
fn events_without_names_and_comments() {
    let body = format!(
        ": OPENROUTER PROCESSING\n\n: keepalive\n\ndata: {}\n\n: keepalive\n\ndata: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        created(),
        text(0, "a"),
        completed(),
    );
    let expected = [response(), Delta::text("a"), Delta::finish("completed"), Delta::Done];
    assert_eq!(stream(&body), expected);
}

#[test]
fn the_name_of_an_event_is_only_a_fallback() {
    let all = stream(concat!(
        "event: response.completed\n",
        r#"data: {"type":"response.output_text.delta","delta":"a"}"#,
        "\n\nevent: response.output_text.delta\n",
        r#"data: {"delta":"b"}"#,
        "\n\nevent: ping\ndata:\n\nevent: ping\ndata: {}\n\n",
        "event: response.completed\ndata: {}\n\n",
    ));
    let end = [Delta::finish("completed"), Delta::Done];
    assert_eq!(all, [&[Delta::text("a"), Delta::text("b")], &end[..]].concat());
    assert_eq!(stream("event: response.completed\ndata:\n\n"), end);
}

#[test]
fn framing() {
    let text = text(0, "a").to_string();
    let end = completed().to_string();
    let lines = text.replace(",\"delta\"", ",\r\ndata: \"delta\"");
    assert_ne!(lines, text.clone() + "x");
    for body in [
        format!("\u{FEFF}data: {text}\n\ndata: {end}\n\n"),
        format!(": hello\r\rdata:{text}   \r\rretry: 5\r\rdata: {end}"),
        format!("data: {lines}\r\n\r\nid: 5\r\ndata: {end}\r\n"),
    ] {
        let expected = [Delta::text("a"), Delta::finish("completed"), Delta::Done];
        assert_eq!(stream(&body), expected, "{body}");
    }
    let long = "👋\u{2028}".repeat(20_000);
    let body = sse([json!({"type": "response.output_text.delta", "delta": long})]);
    let all = decode(OpenAiResponsesDecoder::new(), body.as_bytes().chunks(1000));
    assert_eq!(all, [Delta::text(long)]);
}

fn quota() -> Delta<'static> {
    Delta::Error(ProviderError::new("no quota").code("insufficient_quota"))
}

#[test]
fn errors_flat_and_nested_end_the_stream() {
    let flat = json!({"type": "error", "code": "insufficient_quota", "message": "no quota",
        "param": null, "sequence_number": 2});
    let nested = json!({"type": "error", "sequence_number": 2, "error": {
        "type": "insufficient_quota", "code": "insufficient_quota", "message": "no quota",
        "param": null}});
    let failed = about(
        "failed",
        &json!({"status": "failed",
        "error": {"code": "insufficient_quota", "message": "no quota"}}),
    );
    for error in [&flat, &nested, &failed] {
        let all = events([&text(0, "a"), error, &failed, &text(0, "b"), &completed()]);
        assert_eq!(all, [Delta::text("a"), quota()], "{error}");
        // The first event of all.
        assert_eq!(events([error]), [quota()]);
    }
}

#[test]
fn errors_of_gateways() {
    let bare = r#"{"error":{"type":"insufficient_quota","message":"no quota"}}"#;
    let typed = r#"{"type":"insufficient_quota","message":"no quota"}"#;
    for body in [
        format!("event: error\ndata: {bare}\n\n"),
        format!("event: error\ndata: {typed}\n\n"),
        format!("data: {bare}\n\ndata: [DONE]\n\n"),
        format!("error: {bare}\n\n"),
        // Neither events nor an end of the line.
        bare.to_owned(),
        format!("\r\n{bare}\n"),
    ] {
        assert_eq!(stream(&body), [quota()], "{body}");
    }
    let bad = Delta::Error(ProviderError::new("bad"));
    assert_eq!(stream("event: error\ndata: {\"error\":\"bad\"}\n\n"), [bad]);
    let unknown = Delta::Error(ProviderError::new("error without a message"));
    assert_eq!(stream("event: error\ndata:\n\n"), [unknown]);
}

#[test]
fn usage_comes_once_from_the_last_event() {
    let raw = json!({"input_tokens": 100, "output_tokens": 50, "total_tokens": 150,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
        "output_tokens_details": {"reasoning_tokens": 40}, "cost": 0.5});
    let end = [Delta::finish("completed"), Delta::Done];
    let last = about("completed", &json!({"usage": raw}));
    let counts = Usage::new(100, 50).cached(30, 20).reasoning(40);
    let expected = [&[usage(counts, raw.clone())], &end[..]].concat();
    assert_eq!(
        events([about("in_progress", &json!({"usage": {"input_tokens": 1}})), last]),
        expected
    );
    let cut = about("incomplete", &json!({"usage": raw}));
    let expected = [usage(counts, raw), Delta::finish("incomplete"), Delta::Done];
    assert_eq!(events([cut]), expected);
    // A total of its own, missing counts, too large ones, ones that are none.
    let mut own = Usage::new(1, 2);
    own.total_tokens = 7;
    for (raw, counts) in [
        (json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 7}), own),
        (json!({"input_tokens": 1}), Usage::new(1, 0)),
        (json!({"input_tokens": u64::MAX, "output_tokens": 1}), Usage::new(u64::MAX, 1)),
        (json!({"input_tokens": -1, "input_tokens_details": null}), Usage::default()),
    ] {
        let all = events([about("completed", &json!({"usage": raw}))]);
        assert_eq!(all, [&[usage(counts, raw)], &end[..]].concat());
    }
    for nothing in [json!(null), json!({}), json!("x")] {
        assert_eq!(events([about("completed", &json!({"usage": nothing}))]), end);
    }
}

#[test]
fn what_cannot_be_read_is_a_fault_and_it_goes_on() {
    for bad in ["{", "no json", "{\"type\":}", "[]", "null", "7", "\"text\"", "{} {}"] {
        let all = events([&text(0, "a").to_string(), bad, &text(0, "b").to_string()]);
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")], "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(events([deep]), [Delta::DecodeFault]);
    let deep = format!("{{\"type\":\"ping\",\"response\":{}", "{\"error\":".repeat(100_000));
    assert_eq!(events([deep]), [Delta::DecodeFault]);
    // Cut in its midst.
    let body = sse([text(0, "a")]) + "data: {\"type\":\"response.comp";
    assert_eq!(stream(&body), [Delta::text("a"), Delta::DecodeFault]);
}

#[test]
fn half_of_a_surrogate_pair_is_a_fault_but_the_rest_is_told() {
    let all = stream(concat!(
        r#"data: {"type":"response.output_text.delta","delta":"a\ud83d"}"#,
        "\n\n",
        r#"data: {"type":"response.output_text.delta","delta":"\ude00\ud83d\ude00"}"#,
        "\n\n",
        r#"data: {"type":"response.failed","response":{"error":{"message":"\ud83d"}}}"#,
        "\n\n",
    ));
    let expected = [
        Delta::DecodeFault,
        Delta::text("a\u{FFFD}"),
        Delta::DecodeFault,
        Delta::text("\u{FFFD}😀"),
        Delta::Error(ProviderError::new("\u{FFFD}")),
    ];
    assert_eq!(all, expected);
}

#[test]
fn an_event_over_the_limit_is_a_fault() {
    let long = text(0, &"x".repeat(500)).to_string();
    let body = sse([&text(0, "a").to_string(), &long, &text(0, "b").to_string()]);
    for size in [1, 10, 5000] {
        let all = decode(OpenAiResponsesDecoder::with_limit(250), body.as_bytes().chunks(size));
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")]);
    }
}

#[test]
fn more_items_than_are_remembered_are_not_told_twice() {
    let count = 3000;
    let mut all = vec![];
    for index in 0..count {
        all.push(added(index, &function("c", "f", "")));
        all.push(fragment(index, "{}"));
    }
    for index in 0..count {
        all.push(done(index, &function("c", "f", "{}")));
    }
    // Texts that were never announced.
    for index in count..2 * count {
        all.push(text(index, "a"));
    }
    for index in count..2 * count {
        all.push(done(index, &message("a")));
    }
    let deltas = decode(OpenAiResponsesDecoder::new(), [sse(all).as_bytes()]);
    let result = sum(&deltas);
    let calls = &result.choices[0].tool_calls;
    assert_eq!(calls.len(), 3000);
    assert!(calls.iter().all(|call| call.arguments == "{}" && call.id == "c"));
    assert_eq!(result.text(), "a".repeat(3000));
}

#[test]
fn a_plain_text_costs_no_allocation() {
    let mut decoder = OpenAiResponsesDecoder::new();
    let opening = sse([created(), added(0, &message("")), text(0, "a")]);
    decoder.push(opening.as_bytes(), &mut |_| {});
    let body = sse((0..100).map(|_| text(0, "Héllo 東京")));
    let mut told = 0;
    let costs = allocation_counter::measure(|| {
        decoder.push(body.as_bytes(), &mut |delta| told += delta.content().map_or(0, str::len));
    });
    assert_eq!(told, 100 * "Héllo 東京".len());
    assert_eq!(costs.count_total, 0);
}

fn whole() -> Value {
    json!({"object": "response", "id": "resp_1", "model": "gpt-test", "status": "completed",
        "error": null, "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [
                {"type": "summary_text", "text": "hm"}, {"type": "summary_text", "text": "ok"}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [
                {"type": "output_text", "text": "Héllo", "annotations": []},
                {"type": "output_text", "text": " 👋"}]},
            function("call_1", "weather", "{\"city\": \"Paris\"}"),
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sh", "input": "ls"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}})
}

#[test]
fn a_whole_answer() {
    let expected = [
        Delta::NotStreamed,
        response(),
        reasoning("hm"),
        reasoning("ok"),
        Delta::text("Héllo"),
        Delta::text(" 👋"),
        call(0, "call_1", "weather", "{\"city\": \"Paris\"}"),
        call(1, "call_2", "sh", "ls"),
        usage(Usage::new(3, 5), whole()["usage"].clone()),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(answer(whole().to_string().as_bytes()), expected);
    // Also where a stream was announced.
    assert_eq!(stream(&format!("{:#}", whole())), expected);
    assert_eq!(answer(format!("\u{FEFF}{}", whole()).as_bytes()), expected);
    // Without its type.
    let mut untyped = whole();
    untyped.as_object_mut().unwrap().remove("object");
    assert_eq!(answer(untyped.to_string().as_bytes()), expected);
}

#[test]
fn a_whole_answer_adds_up_to_what_its_stream_does() {
    let item = |index: usize| whole()["output"][index].clone();
    let streamed = events([
        created(),
        added(0, &json!({"type": "reasoning", "summary": []})),
        piece("reasoning_summary_text", 0, "h"),
        piece("reasoning_summary_text", 0, "mok"),
        done(0, &item(0)),
        added(1, &item(1)),
        done(1, &item(1)),
        added(2, &message("")),
        text(2, "Hé"),
        text(2, "llo 👋"),
        done(2, &item(2)),
        added(3, &function("call_1", "weather", "")),
        fragment(3, "{\"city\": "),
        fragment(3, "\"Paris\"}"),
        done(3, &item(3)),
        done(4, &item(4)),
        about("completed", &whole()),
    ]);
    assert_eq!(sum(&streamed), sum(&answer(whole().to_string().as_bytes())));
}

#[test]
fn a_whole_answer_that_did_not_complete() {
    let with = |status: Value, more: Value| {
        let mut body = json!({"object": "response", "id": "resp_1", "model": "gpt-test",
            "status": status, "output": [], "error": null, "incomplete_details": null});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        answer(body.to_string().as_bytes())
    };
    // In the background: it ends elsewhere.
    for status in [json!("queued"), json!("in_progress"), json!("of_the_future"), json!(null)] {
        let all = with(status, json!({}));
        assert_eq!(all, [Delta::NotStreamed, response(), Delta::Done]);
    }
    let cut = json!({"incomplete_details": {"reason": "max_output_tokens"}});
    let expected =
        [Delta::NotStreamed, response(), Delta::finish("max_output_tokens"), Delta::Done];
    assert_eq!(with(json!("incomplete"), cut), expected);
    let failed = json!({"error": {"code": "insufficient_quota", "message": "no quota"}});
    assert_eq!(with(json!("failed"), failed), [Delta::NotStreamed, response(), quota()]);
    let cancelled = ProviderError::new("the response was cancelled").code("cancelled");
    let expected = [Delta::NotStreamed, response(), Delta::Error(cancelled)];
    assert_eq!(with(json!("cancelled"), json!({})), expected);
}

#[test]
fn whole_bodies_that_are_no_answer() {
    for body in ["", " ", "{", "[]", "null", "{}", "no json", "<html>", r#"{"id":"x"}"#] {
        assert_eq!(answer(body.as_bytes()), [Delta::DecodeFault], "{body}");
    }
    for body in [
        r#"{"error":{"type":"insufficient_quota","message":"no quota"}}"#,
        r#"{"type":"error","code":"insufficient_quota","message":"no quota"}"#,
    ] {
        assert_eq!(answer(body.as_bytes()), [quota()]);
    }
    assert_eq!(answer(br#"{"error":"bad"}"#), [Delta::Error(ProviderError::new("bad"))]);
}

#[test]
fn a_whole_body_over_the_limit_is_one_fault() {
    let body = whole().to_string();
    for size in [1, 10, 5000] {
        let decoder = OpenAiResponsesDecoder::with_limit;
        let pieces = || body.as_bytes().chunks(size);
        assert_eq!(decode(decoder(body.len() - 1), pieces()), [Delta::DecodeFault]);
        assert_eq!(decode(decoder(body.len()), pieces()).last(), Some(&Delta::Done));
    }
}

#[test]
fn which_requests_are_calls() {
    use Match::{IfStreamed, No, Yes};
    for (method, path, expected) in [
        (Method::POST, "/v1/responses", Yes),
        (Method::POST, "/openai/v1/responses", Yes),
        (Method::POST, "/responses", Yes),
        (Method::POST, "/v1/responses/", No),
        (Method::POST, "/v1/my_responses", No),
        (Method::POST, "/v1/responses/resp_1/cancel", No),
        (Method::POST, "/v1/responses/input_tokens", No),
        (Method::GET, "/v1/responses", No),
        (Method::GET, "/v1/responses/", No),
        (Method::GET, "/v1/responses/resp_1", IfStreamed),
        (Method::GET, "/v1/responses/resp_1/input_items", No),
        (Method::GET, "/v1/my_responses/resp_1", No),
        (Method::DELETE, "/v1/responses/resp_1", No),
        (Method::PUT, "/v1/responses", No),
        (Method::GET, "", No),
    ] {
        assert_eq!(OpenAiResponses.matches(&method, path), expected, "{method} {path}");
    }
}

fn start(method: &Method, uri: &str, body: &str) -> LlmStart {
    let (uri, headers) = (uri.parse::<Uri>().unwrap(), HeaderMap::new());
    let body = Bytes::copy_from_slice(body.as_bytes());
    OpenAiResponses.start(&LlmHttpRequest::new(method, &uri, &headers, &body))
}

#[test]
fn what_a_call_asks_for() {
    let body = json!({"model": "gpt-test", "stream": true, "instructions": "Be brief.",
        "input": "Hi", "max_output_tokens": 5, "reasoning": {"effort": "low"},
        "tools": [{"type": "mcp", "authorization": "CANARY", "headers": {"x": "CANARY"}}]});
    let it = start(&Method::POST, "/v1/responses", &body.to_string());
    assert_eq!((&*it.provider, &*it.api), ("openai", "responses"));
    assert_eq!((it.model.as_deref(), it.stream), (Some("gpt-test"), true));
    let prompt =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    assert_eq!(it.messages.get(), Some(&prompt));
    let names: Vec<_> = it.params.keys().map(String::as_str).collect();
    assert_eq!(names, ["max_output_tokens", "reasoning", "tools"]);
    assert!(!format!("{:?}", it.params).contains("CANARY"));

    let items = json!([{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "function_call_output", "call_id": "c", "output": "{}"}]);
    let it = start(&Method::POST, "/v1/responses", &json!({"input": items}).to_string());
    assert_eq!(it.messages.get(), Some(&items));
    assert_eq!((it.model, it.stream), (None, false));
    // A stored prompt alone, no body, a broken one.
    for body in ["{}", "", "no json"] {
        let it = start(&Method::POST, "/v1/responses", body);
        assert_eq!(it.messages.get(), Some(&json!([])), "{body}");
    }
    let it = start(&Method::GET, "/v1/responses/resp_1?stream=true&starting_after=5", "");
    assert_eq!((it.model, it.stream, it.messages.get()), (None, true, None));
    assert!(it.params.is_empty());
}

#[test]
fn who_is_called() {
    for (uri, expected) in [
        ("/v1/responses", "openai"),
        ("https://api.openai.com/v1/responses", "openai"),
        ("https://gateway.example/v1/responses", "openai"),
        ("https://res.openai.azure.com/openai/v1/responses", "azure.ai.openai"),
        ("https://res.services.ai.AZURE.com/openai/v1/responses", "azure.ai.openai"),
        ("/openai/responses?api-version=2025-04-01-preview", "azure.ai.openai"),
        ("/openai/deployments/gpt/responses", "azure.ai.openai"),
        ("https://openrouter.ai/api/v1/responses", "openrouter"),
        ("https://api.x.ai/v1/responses", "x_ai"),
        ("https://api.groq.com/openai/v1/responses", "groq"),
        ("https://netflix.ai/v1/responses", "openai"),
        ("https://notazure.com/v1/responses", "openai"),
    ] {
        assert_eq!(&*start(&Method::POST, uri, "{}").provider, expected, "{uri}");
    }
}

#[test]
fn which_decoder() {
    let tell = |content_type| {
        let mut decoder = OpenAiResponses.decoder(content_type);
        let mut all = Vec::new();
        decoder.push(b"data: {\"error\":{}}\n\n", &mut |delta| all.push(delta.into_owned()));
        decoder.finish(&mut |delta| all.push(delta.into_owned()));
        all
    };
    // A backend of OpenAI's streams without any content type.
    for content_type in
        [Some("text/event-stream"), Some("text/plain"), Some("application/json"), None]
    {
        assert!(matches!(tell(content_type)[..], [Delta::Error(_)]), "{content_type:?}");
    }
}

#[test]
fn http_errors() {
    let body = br#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#;
    let error = OpenAiResponses.error(StatusCode::BAD_REQUEST, body);
    let expected = ProviderError::new("no such model").code("model_not_found").status(400);
    assert_eq!(error, expected);
    let detail = OpenAiResponses.error(StatusCode::FORBIDDEN, br#"{"detail":"Forbidden"}"#);
    assert_eq!(detail, ProviderError::new("Forbidden").status(403));
    let page = OpenAiResponses.error(StatusCode::BAD_GATEWAY, b"<html>");
    assert_eq!(page, ProviderError::new("HTTP status 502").status(502));
}

#[test]
fn error_bodies() {
    for (status, kind, code) in [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", Some("invalid_api_key")),
        (404, "invalid_request_error", None),
        (429, "requests", Some("rate_limit_exceeded")),
        (500, "server_error", None),
        (503, "server_error", None),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let body = OpenAiResponses.error_body(status, "over \"budget\"");
        let expected = json!({"error": {"message": "over \"budget\"", "type": kind,
            "param": null, "code": code}});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        let read = OpenAiResponses.error(status, &body);
        assert_eq!(
            read,
            ProviderError::new("over \"budget\"")
                .code(code.unwrap_or(kind))
                .status(status.as_u16())
        );
    }
}

/// Events that may come in any order, sensible or not.
fn any_events() -> impl Strategy<Value = String> {
    let words = vec![
        created().to_string(),
        added(0, &message("")).to_string(),
        added(0, &function("i", "n", "")).to_string(),
        added(1, &function("j", "ü", "{\"a\":\"👋\"}")).to_string(),
        added(1, &json!({"type": "mcp_call"})).to_string(),
        fragment(0, "{\"a\":\"東").to_string(),
        fragment(1, "x").to_string(),
        json!({"type": "response.function_call_arguments.done", "arguments": "{}"}).to_string(),
        piece("custom_tool_call_input", 1, "y").to_string(),
        piece("reasoning_text", 0, "…").to_string(),
        piece("reasoning_summary_text", 0, "s").to_string(),
        piece("refusal", 1, "no").to_string(),
        text(0, "a\n👋").to_string(),
        json!({"type": "response.output_text.delta", "delta": "b"}).to_string(),
        r#"{"type":"response.output_text.delta","delta":"\ud83d"}"#.to_owned(),
        done(0, &message("a")).to_string(),
        done(1, &function("j", "ü", "{}")).to_string(),
        json!({"type": "response.output_item.done", "item": function("k", "n", "{}")}).to_string(),
        "{".to_owned(),
        "x\ny".to_owned(),
        "[DONE]".to_owned(),
        about("completed", &whole()).to_string(),
        about("failed", &json!({"error": {"message": "e"}})).to_string(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last four end the stream.
    event_stream(vec!["data: ", "data:", "event: error\ndata: ", "data: ", ""], word(words, 4))
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
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::new(), pieces()),
            decode(OpenAiResponsesDecoder::new(), [body])
        );
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::with_limit(limit), pieces()),
            decode(OpenAiResponsesDecoder::with_limit(limit), [body])
        );
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::whole(), pieces()),
            decode(OpenAiResponsesDecoder::whole(), [body])
        );
    }

    #[test]
    fn any_bytes_do(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(OpenAiResponsesDecoder::new(), body.chunks(9));
        decode(OpenAiResponsesDecoder::whole(), body.chunks(9));
        OpenAiResponses.error(StatusCode::BAD_GATEWAY, &body);
        let (uri, headers, body) = (Uri::from_static("/responses"), HeaderMap::new(), body.into());
        let start = OpenAiResponses.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
        let _ = start.messages.get();
    }

    /// Of a text in any pieces, some lost: the deltas decide, and it is never told twice.
    #[test]
    fn a_text_is_never_told_twice(
        texts in prop::collection::vec(prop::collection::vec("[a-zé]{1,4}", 0..4), 1..4),
        announced in any::<bool>(),
        ended in any::<bool>(),
        indexed in any::<bool>(),
    ) {
        let mut all = vec![];
        let mut output = vec![];
        for (index, pieces) in texts.iter().enumerate() {
            let index = index as u64;
            let with = |mut event: Value| {
                if !indexed {
                    event.as_object_mut().unwrap().remove("output_index");
                    let id = format!("item_{index}");
                    match event.get_mut("item") {
                        Some(item) => item["id"] = id.into(),
                        None => event["item_id"] = id.into(),
                    }
                }
                event
            };
            if announced {
                all.push(with(added(index, &message(""))));
            }
            all.extend(pieces.iter().map(|piece| with(text(index, piece))));
            if ended {
                all.push(with(done(index, &message(&pieces.concat()))));
            }
            output.push(message(&pieces.concat()));
        }
        all.push(about("completed", &json!({"output": output})));
        let expected: String = texts.concat().concat();
        let result = sum(&events(all));
        prop_assert_eq!(result.text(), expected);
    }
}
