#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::{
    EventStreamDecoder,
    bedrock::{ConverseDecoder, InvokeDecoder},
};
use tower_llm_callbacks_fuzz::{check, pieces};

// The frames do not depend on how the bytes are split, and are frames of the input. Mutations rarely have the right checksums:
// so the input is also read as frames whose checksums are set.
fuzz_target!(|data: &[u8]| {
    let (_, body) = pieces(data);
    let mut framed = data[..data.len() - body.len()].to_vec();
    framed.extend(body.split(|byte| *byte == b'\n').flat_map(frame));
    for data in [data, &framed] {
        frames(data);
        check(|| Box::new(ConverseDecoder::new()), data);
        check(|| Box::new(ConverseDecoder::with_limit(64)), data);
        check(|| Box::new(InvokeDecoder::new()), data);
    }
});

/// A frame of a line: the name of an event, a blank, and the payload.
fn frame(line: &[u8]) -> Vec<u8> {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()).min(60);
    let (name, payload) = line.split_at(end);
    let mut headers = b"\x0b:event-type\x07\0".to_vec();
    headers.push(u8::try_from(name.len()).unwrap());
    headers.extend_from_slice(name);
    let mut frame = u32::try_from(16 + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn frames(data: &[u8]) {
    let (pieces, body) = pieces(data);
    let read = |pieces: &[&[u8]]| {
        let mut frames = Vec::new();
        let mut decoder = EventStreamDecoder::new();
        let mut each = |frame: Result<tower_llm_callbacks::wire::EventStreamFrame<'_>, _>| {
            frames.push(frame.map(|frame| {
                (frame.name().map(str::to_owned), frame.payload.to_vec())
            }));
        };
        for piece in pieces {
            decoder.push(piece, &mut each);
        }
        decoder.finish(&mut each);
        frames
    };
    let frames = read(&pieces);
    assert_eq!(frames, read(&[body]));
    let length: usize = frames.iter().flatten().map(|(_, payload)| payload.len() + 16).sum();
    assert!(length <= body.len());
}
