//! Text, refusals and reasoning.

use super::*;

#[test]
fn a_text_answer() {
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
        // Each chunk has it.
        Delta::Fingerprint("fp".into()),
        Delta::text("Héllo"),
        Delta::text(" 東京 👋\n\"quoted\""),
        Delta::finish("stop"),
        usage(at_tier(Usage::new(17, 5), "default"), counts),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn chunks_without_content_yield_no_deltas() {
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
        json!({"audio": {"id": "audio_1", "transcript": "", "data": "UklGRg=="}}),
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
fn a_refusal_is_emitted() {
    let all = deltas([json!({"refusal": "I "}), json!({"content": null, "refusal": "can't"})]);
    assert_eq!(all, [refusal("I "), refusal("can't")]);
}

#[test]
fn reasoning_under_any_name_is_emitted_once() {
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
        (json!({"reasoning": {"summary": "s"}}), vec![reasoning("s")]),
        (json!({"reasoning_text": "a"}), vec![reasoning("a")]),
        (json!({"thinking": "a"}), vec![reasoning("a")]),
        (details(json!([{"type": "reasoning.summary", "summary": "s"}])), vec![reasoning("s")]),
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
        (json!({"type": "text", "text": "x"}), vec![Delta::text("x")]),
        (
            json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]}]),
            vec![reasoning("s")],
        ),
        (json!([{"type": "output_text", "text": "a"}]), vec![Delta::text("a")]),
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
fn a_message_beside_a_delta_is_skipped() {
    let both = |delta: &str, message: &str| json!({"choices": [{"index": 0, "delta": {"content": delta}, "message": {"content": message}}]});
    // Writer repeats the delta, Perplexity the text so far.
    assert_eq!(events([both("a", "a"), both("b", "b")]), [Delta::text("a"), Delta::text("b")]);
    assert_eq!(events([both("a", "a"), both("b", "ab")]), [Delta::text("a"), Delta::text("b")]);
    let message =
        json!({"choices": [{"index": 0, "message": {"content": "all"}, "finish_reason": "stop"}]});
    // An event with only a message is an unstreamed answer.
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
fn id_and_model_are_emitted_once() {
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
fn members_of_wrong_types_are_ignored() {
    let all = events([
        json!({"id": 1, "model": {}, "object": [], "usage": "none", "x_groq": 1, "created": "x",
            "choices": [{"index": 0, "message": "x", "text": 1.5, "finish_reason": ["x"], "delta":
                {"content": "a", "refusal": true, "reasoning": 1, "reasoning_content": [], "reasoning_details":
                    7, "tool_calls": {"index": 0}, "function_call": "x"}}]}),
        json!({"choices": [{"delta": {"tool_calls": [1, {"index": 0, "id": 7, "function": "f", "custom": []},
            {"id": "i", "function": {"name": "n", "arguments": 7}}], "content": "b"}}]}),
        json!({"choices": [{"delta": "x", "text": "c"}]}),
    ]);
    let expected = [Delta::text("a"), Delta::text("b"), tool(0, "i", "n", ""), Delta::text("c")];
    assert_eq!(all, expected);
}

/// The tier stands beside the usage.
fn at_tier(mut usage: Usage, tier: &str) -> Usage {
    usage.service_tier = Some(tier.into());
    usage
}
