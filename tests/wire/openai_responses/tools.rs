//! Calls of functions and custom tools.

use super::*;

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
        arguments(0, "\"Paris\"}"),
        // Other arguments may still follow.
        arguments(1, "{}"),
        call(2, "call_3", "noargs", ""),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn arguments_without_deltas() {
    let all = json!({"type": "response.function_call_arguments.done", "output_index": 0,
        "arguments": "{\"a\":1}"});
    let item = function("c", "f", "{\"a\":1}");
    let opened = call(0, "c", "f", "");
    // From the arguments event, from the end of the item, and, if the start has them, when they are repeated.
    let expected_deltas = [opened.clone(), arguments(0, "{\"a\":1}")];
    assert_eq!(
        events([added(0, &function("c", "f", "")), all.clone(), done(0, &item)]),
        expected_deltas
    );
    assert_eq!(events([added(0, &function("c", "f", "")), done(0, &item)]), expected_deltas);
    assert_eq!(events([added(0, &item), all.clone(), done(0, &item)]), expected_deltas);
    // Without a start.
    assert_eq!(events([done(0, &item), done(0, &item)]), [call(0, "c", "f", "{\"a\":1}")]);
    assert_eq!(events([done(0, &function("c", "f", ""))]), [call(0, "c", "f", "")]);
    // A resumed stream starts within a call.
    let resumed = events([fragment(0, ":1}"), all, done(0, &item)]);
    assert_eq!(resumed, [arguments(0, ":1}"), call(0, "c", "f", "")]);
    // The start has no name yet.
    let nameless = json!({"type": "function_call", "id": "fc_c", "arguments": ""});
    let opened =
        Delta::ToolCall { choice: 0, index: 0, id: None, name: None, arguments: "".into() };
    let late = events([added(0, &nameless), fragment(0, "{\"a\":1}"), done(0, &item)]);
    assert_eq!(late, [opened, arguments(0, "{\"a\":1}"), call(0, "c", "f", "")]);
}

#[test]
fn items_are_identified_by_position_then_by_id() {
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
    let expected_deltas = [
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
    // Ids that change with each event.
    let rotation = std::cell::Cell::new(0);
    let rotate = || {
        rotation.set(rotation.get() + 1);
        format!("id_{}", rotation.get())
    };
    let rotating =
        script(&|event| with(event, Some(4), &rotate()), &|event| with(event, Some(5), &rotate()));
    assert_eq!(rotating, expected_deltas);
    // One id for all events.
    let same = |index| move |event| with(event, Some(index), "same");
    assert_eq!(script(&same(4), &same(5)), expected_deltas);
    // Without positions.
    let ids = script(&|event| with(event, None, "x"), &|event| with(event, None, "y"));
    assert_eq!(ids, expected_deltas);
    // Without either: the open item.
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
    // Only the deltas lack a position and an id.
    let bare = |piece: &str| json!({"type": "response.output_text.delta", "delta": piece});
    let all = events([bare("a"), done(0, &message("a")), bare("b"), done(1, &message("b"))]);
    assert_eq!(all, [Delta::text("a"), Delta::text("b")]);
    let all = events([bare("a"), with(done(0, &message("a")), None, "x")]);
    assert_eq!(all, [Delta::text("a")]);
    let all = events([added(0, &message("")), bare("a"), done(0, &message("a"))]);
    assert_eq!(all, [Delta::text("a")]);
    // By id at first, then also by position.
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
    // Any text, whatever it looks like.
    let all = events([
        added(0, &item("")),
        piece("custom_tool_call_input", 0, "{{x}} "),
        piece("custom_tool_call_input", 0, "{{x}}"),
        done(0, &item("{{x}} {{x}}")),
    ]);
    assert_eq!(all, [call(0, "c", "sh", ""), arguments(0, "{{x}} "), arguments(0, "{{x}}")]);
    let all = events([
        added(0, &item("")),
        json!({"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "ls"}),
        done(0, &item("ls")),
    ]);
    assert_eq!(all, [call(0, "c", "sh", ""), arguments(0, "ls")]);
    assert_eq!(events([done(0, &item("ls"))]), [call(0, "c", "sh", "ls")]);
}

/// Gateways send a value where the API has a text.
#[test]
fn arguments_may_be_a_value() {
    let (value, text) = (json!({"a": [1, {"b": 2}]}), r#"{"a":[1,{"b":2}]}"#);
    let custom = json!({"type": "custom_tool_call", "id": "i", "call_id": "c", "name": "sh", "input": value});
    assert_eq!(events([done(0, &custom)]), [call(0, "c", "sh", text)]);
    let item = |arguments: &Value| json!({"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": arguments});
    let delta = json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": value});
    let all = events([added(0, &item(&json!({}))), delta, done(0, &item(&value))]);
    assert_eq!(all, [call(0, "c", "f", ""), arguments(0, text)]);
    let all_done = json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": value});
    let all = events([added(0, &item(&json!(""))), all_done, done(0, &item(&value))]);
    assert_eq!(all, [call(0, "c", "f", ""), arguments(0, text)]);
}

fn fragment_of(json: &str) -> Delta<'static> {
    arguments(0, json)
}

/// Calls whose item type is that of a tool. The caller runs or decides them, so they are tool calls.
#[test]
fn tools_with_a_type_of_their_own_are_calls() {
    let exec = json!({"type": "exec", "command": ["ls", "-l"]});
    let commands = json!({"commands": ["ls"], "timeout_ms": null});
    for (mut item, id, name, arguments) in [
        (json!({"type": "local_shell_call", "action": exec}), "c", "local_shell", exec),
        (json!({"type": "shell_call", "action": commands}), "c", "shell", commands.clone()),
        (
            json!({"type": "shell_call", "action": commands, "environment": {"type": "local"}}),
            "c",
            "shell",
            commands.clone(),
        ),
        (
            json!({"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "x"}}),
            "c",
            "apply_patch",
            json!({"type": "delete_file", "path": "x"}),
        ),
        (
            json!({"type": "computer_call", "action": {"type": "screenshot"}}),
            "c",
            "computer",
            json!({"type": "screenshot"}),
        ),
        (
            json!({"type": "computer_call", "actions": [{"type": "wait"}]}),
            "c",
            "computer",
            json!([{"type": "wait"}]),
        ),
        (
            json!({"type": "mcp_approval_request", "name": "n", "arguments": "{\"a\":1}"}),
            "i",
            "n",
            json!({"a": 1}),
        ),
        (
            json!({"type": "tool_search_call", "execution": "client", "arguments": {"q": "x"}}),
            "c",
            "tool_search",
            json!({"q": "x"}),
        ),
    ] {
        item["id"] = json!("i");
        if id == "c" {
            item["call_id"] = json!("c");
        }
        let json = arguments.to_string();
        let whole = [call(0, id, name, &json)];
        assert_eq!(events([done(0, &item)]), whole, "{item}");
        let all = events([added(0, &item), done(0, &item)]);
        assert_eq!(all, [call(0, id, name, ""), fragment_of(&json)], "{item}");
    }
    let container = json!({"type": "shell_call", "id": "i", "call_id": "c", "action": commands,
        "environment": {"type": "container_reference"}});
    assert_eq!(events([added(0, &container), done(0, &container)]), []);
}

#[test]
fn the_commands_of_a_shell_are_tokens() {
    let item = |action: Value| json!({"type": "shell_call", "id": "i", "call_id": "c", "action": action, "environment": null});
    let piece = |at: u64, text: &str| json!({"type": "response.shell_call_command.delta", "output_index": 0, "command_index": at, "delta": text});
    let pieces = [piece(0, "echo \"a"), piece(0, "\""), piece(1, "ls")];
    for (action, rest) in [
        (json!({"commands": ["echo \"a\"", "ls"], "timeout_ms": 5}), "\"],\"timeout_ms\":5}"),
        (json!({"commands": ["echo 'a'", "ls"]}), "\"]}"),
    ] {
        let opened = added(0, &item(json!({"commands": []})));
        let all = events([&[opened][..], &pieces, &[done(0, &item(action))]].concat());
        let expected = [
            call(0, "c", "shell", ""),
            arguments(0, "{\"commands\":[\"echo \\\"a"),
            arguments(0, "\\\""),
            arguments(0, "\",\"ls"),
            arguments(0, rest),
        ];
        assert_eq!(all, expected);
    }
}

/// xAI reports its own tools like custom ones. The answer repeats which tools the caller declared.
#[test]
fn custom_tools_that_nobody_declared_are_the_providers() {
    let item = |name: &str| json!({"type": "custom_tool_call", "id": "i", "call_id": "c", "name": name, "input": "x"});
    let created = |tools: Value| about("created", &json!({ "tools": tools }));
    let declared = json!([{"type": "custom", "name": "sh"}, {"type": "web_search"}]);
    let found = |all: &[Delta<'static>]| {
        all.iter().filter(|delta| matches!(delta, Delta::ToolCall { .. })).count()
    };
    let of = |tools: Value, name: &str| found(&events([created(tools), done(0, &item(name))]));
    assert_eq!(of(declared.clone(), "sh"), 1);
    assert_eq!(of(declared, "any_search"), 0);
    assert_eq!(found(&events([done(0, &item("sh"))])), 1);
    assert_eq!(found(&events([done(0, &item("x_keyword_search"))])), 0);
}

#[test]
fn provider_tools_are_not_calls() {
    for kind in [
        "mcp_call",
        "mcp_list_tools",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "x_search_call",
        "tool_search_call",
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
            // A fragment for an item that is not a call.
            fragment(0, "{}"),
            done(0, &item),
            about("completed", &json!({"output": [item]})),
        ]);
        assert_eq!(all, [Delta::finish("completed"), Delta::Done], "{kind}");
    }
}

#[test]
fn mcp_items_may_interleave_and_lack_an_end() {
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
        Delta::text("a"),
        arguments(0, "{}"),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}
