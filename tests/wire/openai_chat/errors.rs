//! Errors in a stream and in place of an answer.

use super::*;

#[test]
fn errors_in_a_stream_end_it() {
    let nested = r#"{"error":{"message":"bad","type":"server_error","param":null,"code":null}}"#;
    let expected_error = || error("bad", Some("server_error"));
    for body in [
        format!("data: {nested}\n\n"),
        format!("data: {nested}\n\ndata: [DONE]\n\n"),
        format!("event: error\ndata: {nested}\n\n"),
        // From old llama.cpp servers.
        format!("error: {nested}\n\n"),
        "event: error\ndata: {\"message\":\"bad\",\"type\":\"server_error\"}\n\n".to_owned(),
        "data: {\"object\":\"error\",\"message\":\"bad\",\"type\":\"server_error\",\"code\":400}\n\n".to_owned(),
    ] {
        assert_eq!(stream(&body), [expected_error()], "{body}");
        let all = stream(&format!("{}{body}", sse([text(0, "a")])));
        assert_eq!(all, [Delta::text("a"), expected_error()], "{body}");
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
    for (body, message) in [
        ("event: error\ndata:\n\n", "error without a message"),
        ("event: error\ndata: Internal Server Error\n\n", "Internal Server Error"),
    ] {
        assert_eq!(stream(body), [error(message, None)], "{body}");
    }
}

#[test]
fn an_error_beside_choices_follows_them() {
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
fn empty_errors_are_not_errors() {
    for empty in [
        json!(null),
        json!(""),
        json!({}),
        json!(false),
        json!([null]),
        json!({"message": "", "type": "", "param": "", "code": null}),
        json!({"code": 0, "message": "success"}),
        json!({"code": 200, "message": "OK"}),
        json!({"message": null}),
    ] {
        let mut chunk = text(0, "a");
        chunk["error"] = empty;
        chunk["code"] = json!(0);
        chunk["message"] = json!("ok");
        assert_eq!(with_done([chunk.clone(), done()]), [Delta::text("a"), Delta::Done], "{chunk}");
    }
    assert_eq!(events([json!({"message": "hello"})]), []);
    // What goes on, or has succeeded.
    for event in [
        json!({"status": "processing", "message": "queued"}),
        json!({"code": 200, "msg": "ok"}),
        json!({"code": "Success", "message": "OK"}),
        json!({"type": "queue.update", "status": "in-queue", "code": 202, "message": "third"}),
    ] {
        assert_eq!(with_done([event, text(0, "a"), done()]), [Delta::text("a"), Delta::Done]);
    }
    let groq = json!({"choices": [], "x_groq": {"id": "r", "error": "over capacity"}});
    assert_eq!(events([text(0, "a"), groq]), [Delta::text("a"), error("over capacity", None)]);
    assert_eq!(stream("event: ping\ndata: {}\n\nevent: ping\ndata:\n\n: ping\n\n"), []);
}

#[test]
fn errors_in_place_of_an_answer() {
    for (body, expected) in [
        (json!({"error": {"message": "bad", "type": "t", "code": null}}), error("bad", Some("t"))),
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
    let all =
        whole(&json!({"error": {"message": "bad"}, "choices": [{"message": {"content": "a"}}]}));
    assert_eq!(all, [Delta::NotStreamed, Delta::text("a"), error("bad", None)]);
}

#[test]
fn http_errors() {
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
        (b"\"\"", with("HTTP status 429", None)),
        (b" \" \" ", with("HTTP status 429", None)),
    ];
    for (body, expected) in table {
        let name = String::from_utf8_lossy(body);
        let status = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(OpenAiChat.error(status, body), expected, "{name}");
        assert_eq!(OpenAiCompletions.error(status, body), expected, "{name}");
    }
}
