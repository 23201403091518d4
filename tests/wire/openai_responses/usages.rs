//! Token usage.

use super::*;

#[test]
fn usage_is_emitted_once_from_the_last_event() {
    let raw = json!({"input_tokens": 100, "output_tokens": 50, "total_tokens": 150,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
        "output_tokens_details": {"reasoning_tokens": 40}, "cost": 0.5});
    let end = [Delta::finish("completed"), Delta::Done];
    let last = about("completed", &json!({"usage": raw}));
    let counts = Usage::new(100, 50).cached(30, 20).reasoning(40);
    let expected = [&[usage(counts.clone(), raw.clone())], &end[..]].concat();
    assert_eq!(
        events([about("in_progress", &json!({"usage": {"input_tokens": 1}})), last]),
        expected
    );
    let cut = about("incomplete", &json!({"usage": raw}));
    let expected = [usage(counts, raw), Delta::finish("incomplete"), Delta::Done];
    assert_eq!(events([cut]), expected);
    // The provider's own total, missing counts, large counts, and invalid ones.
    let mut own = Usage::new(1, 2);
    own.total_tokens = Some(7);
    for (raw, counts) in [
        (json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 7}), own),
        (json!({"input_tokens": 1}), Usage::new(1, None)),
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
