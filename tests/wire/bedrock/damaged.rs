use support::{
    frames::{chunk, event, exception},
    wire::{decode, of_type},
};
use tower_llm_callbacks::{
    Delta,
    wire::{
        Format, LlmHttpResponse,
        bedrock::{BedrockConverse, BedrockInvoke},
    },
};

use super::Boxed;

/// Asserts that a damaged body yields faults, and else nothing but deltas of the body, in their order.
fn assert_subsequence(format: &dyn Format, body: &[u8], count: usize) {
    let headers = of_type(Some("application/vnd.amazon.eventstream"));
    let response = LlmHttpResponse::new(http::StatusCode::OK, &headers);
    let new = || Boxed(format.decoder(&response));
    let expected = decode(new(), [body], b"");
    assert_eq!(expected.len(), count);
    for bit in 0..body.len() * 8 {
        let mut damaged = body.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let deltas = decode(new(), [&damaged[..]], b"");
        let mut left = expected.iter();
        let mut faults = 0;
        for delta in &deltas {
            if *delta == Delta::DecodeFault {
                faults += 1;
            } else {
                assert!(left.any(|known| known == delta), "bit {bit}: {delta:?} is wrong");
            }
        }
        assert_eq!(faults, 1, "bit {bit}");
    }
}

#[test]
fn no_flipped_bit_makes_a_wrong_delta() {
    let converse = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event(
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
        ),
        event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"x\":1}"}}}"#,
        ),
        event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"Hi"}}"#),
        exception("throttlingException", r#"{"message":"Slow"}"#),
    ]
    .concat();
    assert_subsequence(&BedrockConverse, &converse, 4);

    let invoke = [
        chunk(r#"{"generation":"Hi "}"#),
        chunk(r#"{"generation":"you","stop_reason":"stop"}"#),
        chunk(r#"{"amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":2}}"#),
    ]
    .concat();
    assert_subsequence(&BedrockInvoke, &invoke, 5);
}
