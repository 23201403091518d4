//! Tool calls.

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
fn parallel_calls_are_separated_by_index() {
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
fn indices_may_start_at_one() {
    let all = deltas([open(1, "a", "n", "{"), more(1, "}"), open(2, "b", "m", "{\"a\":1}")]);
    let expected = [tool(0, "a", "n", "{"), tool(0, "", "", "}"), tool(1, "b", "m", "{\"a\":1}")];
    assert_eq!(all, expected);
}

#[test]
fn calls_with_the_same_index_are_separated_by_id() {
    let all = deltas([open(0, "a", "n", "{\"a\":1}"), open(0, "b", "n", "{"), more(0, "}")]);
    let expected = [tool(0, "a", "n", "{\"a\":1}"), tool(1, "b", "n", "{"), tool(1, "", "", "}")];
    assert_eq!(all, expected);
}

#[test]
fn repeated_ids_and_names_are_skipped() {
    let again = |id: &str| calls(json!([{"index": 0, "id": id, "function": {"arguments": "1"}}]));
    let all = deltas([
        open(0, "a", "n", "1"),
        open(0, "a", "n", "1"),
        again("a"),
        // vLLM sent a new id with each fragment.
        again("b"),
        again(""),
    ]);
    let part = || tool(0, "", "", "1");
    assert_eq!(all, [tool(0, "a", "n", "1"), part(), part(), part(), part()]);
}

#[test]
fn ids_and_names_may_arrive_late() {
    let all = deltas([
        more(0, "{"),
        calls(json!([{"index": 0, "id": "a"}])),
        calls(json!([{"index": 0, "function": {"name": "n", "arguments": "}"}}])),
    ]);
    assert_eq!(all, [tool(0, "", "", "{"), tool(0, "a", "", ""), tool(0, "", "n", "}")]);
}

#[test]
fn calls_without_indices() {
    let open =
        |id: &str, name: &str| json!({"id": id, "function": {"name": name, "arguments": "{"}});
    let more = |id: &str, text: &str| json!({"id": id, "function": {"arguments": text}});
    let close = || json!({"function": {"arguments": "}"}});
    // Separated by id.
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
    // Separated by position.
    let all =
        deltas([calls(json!([open("a", "n"), open("b", "m")])), calls(json!([close(), close()]))]);
    let expected = [
        tool(0, "a", "n", "{"),
        tool(1, "b", "m", "{"),
        tool(0, "", "", "}"),
        tool(1, "", "", "}"),
    ];
    assert_eq!(all, expected);
    // One call after the other.
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
    // Only the first fragment has an index.
    let all = deltas([super::tools::open(5, "a", "n", "{"), calls(json!([close()]))]);
    assert_eq!(all, [tool(0, "a", "n", "{"), tool(0, "", "", "}")]);
}

#[test]
fn arguments_may_be_an_object() {
    let call = |arguments: Value| {
        calls(json!([{"index": 0, "id": "a", "function": {"name": "n", "arguments": arguments}}]))
    };
    for (arguments, expected) in [
        (json!({"a": [1, 2.5, "ü"], "b": null}), r#"{"a":[1,2.5,"ü"],"b":null}"#),
        (json!({}), ""),
        (json!(null), ""),
        (json!([1, {"b": 2}]), r#"[1,{"b":2}]"#),
        (json!([]), ""),
        (json!("{\"a\":1}"), "{\"a\":1}"),
    ] {
        assert_eq!(deltas([call(arguments)]), [tool(0, "a", "n", expected)]);
    }
    // As it is written: the order of members, and all digits of numbers.
    let written = r#"{"z":12345678901234567890123,"p":1.10,"a":2}"#;
    let whole = json!({"choices": [{"message": call(json!("ARGUMENTS"))}]}).to_string();
    let all = answer(whole.replace("\"ARGUMENTS\"", written).as_bytes());
    assert!(all.contains(&tool(0, "a", "n", written)), "{all:?}");
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
    // Some providers send the call under both names.
    let mut both = open(0, "a", "n", "{\"a\":1}");
    both["function_call"] = json!({"name": "n", "arguments": "{\"a\":1}"});
    assert_eq!(deltas([both]), [tool(0, "a", "n", "{\"a\":1}")]);
}

#[test]
fn custom_tools_have_text_input() {
    let all = deltas([
        calls(
            json!([{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": ""}}]),
        ),
        calls(json!([{"index": 0, "custom": {"input": "SELECT 1"}}])),
    ]);
    assert_eq!(all, [tool(0, "a", "sql", ""), tool(0, "", "", "SELECT 1")]);
}

#[test]
fn each_choice_has_its_own_calls() {
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

#[test]
fn the_input_of_custom_tools_is_any_text() {
    let open = calls(json!([{"index": 0, "id": "a", "custom": {"name": "t", "input": ""}}]));
    let piece = |text: &str| calls(json!([{"index": 0, "custom": {"input": text}}]));
    for pieces in [
        &["{", "{x", "}}"][..],
        &["{{name}} and ", "{{x}}"],
        &["{}", " + ", "{}"],
        &["{\"a\":1}\n", "{\"a\":1}"],
    ] {
        let all =
            deltas(std::iter::once(open.clone()).chain(pieces.iter().map(|text| piece(text))));
        let read: String = all.iter().filter_map(Delta::content).collect();
        assert_eq!(read, pieces.concat());
    }
}

fn result(deltas: &[Delta<'_>]) -> tower_llm_callbacks::LlmResult {
    let mut answer = Accumulator::new();
    deltas.iter().for_each(|delta| answer.delta(delta));
    answer.finish()
}

#[test]
fn calls_of_a_whole_answer_are_separate() {
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    for (first, second) in
        [(("a", "n"), ("a", "n")), (("a", "n"), ("a", "m")), (("", "n"), ("", "n"))]
    {
        let all = whole(&json!({"choices": [{"message": {"tool_calls":
            [call(first.0, first.1, "{\"a\":1}"), call(second.0, second.1, "{\"b\":2}")]}, "finish_reason": "tool_calls"}]}));
        let found = result(&all).choices.remove(0).tool_calls;
        let arguments: Vec<_> = found.iter().map(|call| (&*call.name, &*call.arguments)).collect();
        assert_eq!(arguments, [(first.1, "{\"a\":1}"), (second.1, "{\"b\":2}")]);
    }
}

/// Without indices, another name is another call, though the id is the same; and so is another place without an id.
#[test]
fn streamed_calls_that_share_an_id_are_separated_by_name() {
    let call = |id: Option<&str>, name: &str| json!({"id": id, "function": {"name": name, "arguments": "{\"a\":1}"}});
    let names = |all: &[Delta<'_>]| -> Vec<String> {
        result(all).choices[0].tool_calls.iter().map(|call| call.name.to_string()).collect()
    };
    let shared = [call(Some("x"), "n"), call(Some("x"), "m")];
    let [one, two] = shared.clone().map(|it| calls(json!([it])));
    assert_eq!(names(&deltas([one, two])), ["n", "m"]);
    assert_eq!(names(&deltas([calls(json!(shared))])), ["n", "m"]);
    let alike = calls(json!([call(None, "n"), call(None, "n")]));
    assert_eq!(names(&deltas([alike])), ["n", "n"]);
}

/// Google's OpenAI-compatible endpoint sent such.
#[test]
fn a_name_may_come_in_pieces() {
    let name = |index: u64, id: Option<&str>, name: &str| {
        let mut call = json!({"index": index, "function": {"name": name}});
        if let Some(id) = id {
            call["id"] = id.into();
        }
        calls(json!([call]))
    };
    let found = |all: Vec<Value>| -> Vec<_> {
        let mut all = result(&deltas(all)).choices.remove(0).tool_calls;
        all.drain(..).map(|call| (call.name, call.arguments)).collect()
    };
    let named = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
    for pieces in [
        // Pieces, all so far, and the whole name again.
        vec![name(0, None, "wea"), name(0, None, "ther")],
        vec![name(0, Some("a"), "wea"), name(0, Some("a"), "ther"), name(0, None, "get_weather")],
        vec![name(0, None, "get_wea"), name(0, None, "get_weather"), name(0, None, "get_weather")],
    ] {
        let mut all = vec![open(0, "a", "get_", "")];
        all.extend(pieces);
        all.extend([more(0, "{\"a\""), more(0, ":1}"), open(1, "b", "time", "{}")]);
        assert_eq!(found(all), [named("get_weather", "{\"a\":1}"), named("time", "{}")]);
    }
    // Another name is another call behind arguments, or of a server whose calls have no ids.
    let all = vec![open(0, "a", "n", "{\"a\":1}"), name(0, None, "m")];
    assert_eq!(found(all), [named("n", "{\"a\":1}"), named("m", "{}")]);
    let all = vec![name(0, None, "n"), name(0, None, "m")];
    assert_eq!(found(all), [named("n", "{}"), named("m", "{}")]);
    // The last piece has no arguments before it, but some beside it. Each token has the name so far.
    let all = deltas([open(0, "a", "get_", ""), open(0, "", "time", "{}")]);
    assert_eq!(all[..2], [tool(0, "a", "get_", ""), tool(0, "", "get_time", "")]);
}
