//! Errors in the stream.

use super::*;

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
        // As the first event.
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
        // A bare JSON body, neither framed as an event nor terminated by a line end.
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
