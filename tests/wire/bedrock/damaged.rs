use support::{
    frames::{chunk, event, exception},
    wire::decode,
};
use tower_llm_callbacks::{
    Delta,
    wire::{
        Decoder,
        bedrock::{ConverseDecoder, InvokeDecoder},
    },
};

/// Asserts that a damaged body yields faults, and else nothing but deltas of the body, in their order.
fn assert_subsequence<D: Decoder>(new: fn() -> D, body: &[u8], expected: &[Delta<'static>]) {
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
        // A body that no longer begins like one is not decoded, if nothing declares it.
        assert!(faults == 1 || bit < 8, "bit {bit}: {faults} faults");
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
    let mut expected = decode(ConverseDecoder::new(), [&converse[..]], b"");
    assert_eq!(expected.len(), 4);
    assert_subsequence(ConverseDecoder::new, &converse[..converse.len()], &expected);

    let invoke = [
        chunk(r#"{"generation":"Hi "}"#),
        chunk(r#"{"generation":"you","stop_reason":"stop"}"#),
        chunk(r#"{"amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":2}}"#),
    ]
    .concat();
    expected = decode(InvokeDecoder::new(), [&invoke[..]], b"");
    assert_eq!(expected.len(), 5);
    assert_subsequence(InvokeDecoder::new, &invoke, &expected);
}
