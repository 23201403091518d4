//! Framing, and bytes that cannot be decoded.

use super::*;

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
fn event_names_are_only_a_fallback() {
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

#[test]
fn undecodable_events_are_faults_and_decoding_continues() {
    for bad in ["{", "no json", "{\"type\":}", "[]", "null", "7", "\"text\"", "{} {}"] {
        let all = events([&text(0, "a").to_string(), bad, &text(0, "b").to_string()]);
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")], "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(events([deep]), [Delta::DecodeFault]);
    let deep = format!("{{\"type\":\"ping\",\"response\":{}", "{\"error\":".repeat(100_000));
    assert_eq!(events([deep]), [Delta::DecodeFault]);
    // Cut within an event.
    let body = sse([text(0, "a")]) + "data: {\"type\":\"response.comp";
    assert_eq!(stream(&body), [Delta::text("a"), Delta::DecodeFault]);
}

#[test]
fn lone_surrogates_are_faults_and_replaced() {
    let all = stream(concat!(
        r#"data: {"type":"response.output_text.delta","delta":"a\ud83d"}"#,
        "\n\n",
        r#"data: {"type":"response.output_text.delta","delta":"b\ude00\ud83d\ude00"}"#,
        "\n\n",
        r#"data: {"type":"response.failed","response":{"error":{"message":"\ud83d"}}}"#,
        "\n\n",
    ));
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
fn an_event_over_the_limit_is_a_fault() {
    let long = text(0, &"x".repeat(500)).to_string();
    let body = sse([&text(0, "a").to_string(), &long, &text(0, "b").to_string()]);
    for size in [1, 10, 5000] {
        let all = decode(OpenAiResponsesDecoder::with_limit(250), body.as_bytes().chunks(size));
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")]);
    }
}

#[test]
fn items_beyond_the_bound_are_not_emitted_twice() {
    let count = 3000;
    let mut all = vec![];
    for index in 0..count {
        all.push(added(index, &function("c", "f", "")));
        all.push(fragment(index, "{}"));
    }
    for index in 0..count {
        all.push(done(index, &function("c", "f", "{}")));
    }
    // Texts without an `added` event.
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
