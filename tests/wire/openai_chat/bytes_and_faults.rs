//! Framing, and bytes that cannot be decoded.

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
fn undecodable_events_are_faults_and_decoding_continues() {
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
fn lone_surrogates_are_faults_and_replaced() {
    let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let all = events([
        chunk("a\\ud83d"),
        chunk("b\\ude00\\ud83d\\ude00"),
        r#"{"error":{"code":"e","message":"\ud83d"}}"#.to_owned(),
    ]);
    let expected = [
        Delta::DecodeFault,
        Delta::text("a\u{FFFD}"),
        Delta::DecodeFault,
        Delta::text("b\u{FFFD}😀"),
        error("\u{FFFD}", Some("e")),
    ];
    assert_eq!(all, expected);
    let expected = [Delta::DecodeFault, Delta::NotStreamed, Delta::text("a\u{FFFD}"), Delta::Done];
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
fn an_unstreamed_body_over_the_limit_is_one_fault() {
    let body = json!({"choices": [{"message": {"content": "a"}}]}).to_string();
    for size in [1, 10, 5000] {
        let limit = body.len() - 1;
        let all = decode(OpenAiChatDecoder::with_limit(limit), body.as_bytes().chunks(size));
        assert_eq!(all, [Delta::DecodeFault]);
        let all = decode(OpenAiChatDecoder::with_limit(limit + 1), body.as_bytes().chunks(size));
        assert_eq!(all.last(), Some(&Delta::Done));
    }
}

#[test]
fn choices_and_calls_over_the_bound_are_faults() {
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
    // The bound on calls is for all choices together. A bound per choice would allow a thousand times that.
    let of = |choice, calls| {
        let call = |n| json!({"index": n, "function": {"name": "n"}});
        chunk(choice, &json!({"tool_calls": (0..calls).map(call).collect::<Vec<_>>()}))
    };
    let body = sse([of(0, 1000), of(1, 1000), of(0, 1000), text(1, "b")]);
    let all = decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
    assert_eq!(all.iter().filter(|delta| **delta == Delta::DecodeFault).count(), 2000 - 1024);
    assert_eq!(all.last(), Some(&Delta::Text { choice: 1, text: "b".into() }));
}

/// A server that counts UTF-16 units splits a character over two chunks.
#[test]
fn a_character_in_two_chunks_is_one() {
    let chunk = |delta: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let content = |text: &str| chunk(&format!("{{\"content\":\"{text}\"}}"));
    let end = chunk("{}").replace("null", "\"stop\"");
    for (pieces, expected, faults) in [
        (["Hi ", "a \\ud83d", "\\ude00 b", "c"], "Hi a \u{1F600} bc", 0),
        (["\\uD83D", "\\uDE00\\ud83d", "\\ude00", ""], "\u{1F600}\u{1F600}", 0),
        // The other half never comes.
        (["a \\ud83d", "b", "c", ""], "a \u{FFFD}bc", 1),
        (["a", "b", "c", "\\ud83d"], "abc\u{FFFD}", 1),
        (["a", "\\ude00", "b", "c"], "a\u{FFFD}bc", 1),
        // A backslash that is text.
        (["a", "\\\\ud83d", "\\\\ude00", "c"], "a\\ud83d\\ude00c", 0),
    ] {
        let body: String = pieces.iter().map(|piece| content(piece)).chain([end.clone()]).collect();
        for body in [body.clone(), format!("{body}data: [DONE]\n\n")] {
            let deltas = stream(&body);
            let text: String = deltas.iter().filter_map(Delta::content).collect();
            assert_eq!(text, expected, "{body}");
            let found = deltas.iter().filter(|delta| **delta == Delta::DecodeFault).count();
            assert_eq!(found, faults, "{body}");
            assert_eq!(deltas.last(), Some(&Delta::Done), "{body}");
        }
    }
    // Of several halves no other character is made.
    let two = chunk("{\"reasoning\":\"\\ud83d\",\"content\":\"a\\ud83c\"}");
    let text: String = stream(&format!("{two}{}{end}", content("\\udffd")))
        .iter()
        .filter_map(Delta::content)
        .collect();
    assert_eq!(text, "\u{FFFD}a\u{1F3FD}");
    // In the arguments of a call, where a half is no fault of the chunk.
    let call = |text: &str| {
        chunk(&format!(
            "{{\"tool_calls\":[{{\"index\":0,\"id\":\"c\",\"function\":{{\"name\":\"f\",\"arguments\":\"{text}\"}}}}]}}"
        ))
    };
    let deltas =
        stream(&format!("{}{}{end}", call("{\\\"a\\\":\\\"\\ud83d"), call("\\ude00\\\"}")));
    let mut all = Accumulator::new();
    deltas.iter().for_each(|delta| all.delta(delta));
    assert_eq!(&*all.finish().choices[0].tool_calls[0].arguments, "{\"a\":\"\u{1F600}\"}");
}

#[test]
fn the_name_of_a_field_may_be_doubled() {
    let chunk =
        json!({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]});
    let deltas = stream(&format!("data: data: {chunk}\n\ndata: data: [DONE]\n\n"));
    assert_eq!(deltas, [Delta::text("Hi"), Delta::finish("stop"), Delta::Done]);
}
