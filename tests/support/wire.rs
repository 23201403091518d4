//! Helpers of the wire format tests: cutting bodies, and the deltas that a decoder reads from the pieces.

use http::HeaderMap;
use proptest::prelude::*;
use tower_llm_callbacks::{
    Delta,
    wire::{Decoder, LlmHttpResponse},
};

/// Returns the deltas that a decoder reads from a body in pieces. Bytes `after` the end must yield no delta.
pub fn decode<'a>(
    mut decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    after: &[u8],
) -> Vec<Delta<'static>> {
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut |delta| all.push(delta.into_owned()));
    }
    decoder.finish(&mut |delta| all.push(delta.into_owned()));
    decoder.push(after, &mut |_| panic!("a delta after the end"));
    decoder.finish(&mut |_| panic!("a delta after the end"));
    all
}

/// Cuts bytes into pieces of these lengths, over and over. A length may be 0.
pub fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    // A length other than 0, so that the loop ends.
    for length in lengths.iter().chain([&5]).cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Picks one of these words. The last `rare` words, which end the stream, come up rarely.
pub fn word(words: Vec<String>, rare: usize) -> impl Strategy<Value = String> + Clone {
    (0..words.len() * 4).prop_map(move |index| {
        words[if index < words.len() { index } else { index % (words.len() - rare) }].clone()
    })
}

/// An event stream of words, with and without proper framing.
pub fn event_stream(
    prefixes: Vec<&'static str>,
    word: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let ends = prop::sample::select(vec!["\n\n", "\r\n\r\n", "\r\r", "\n", " "]);
    let event = (prop::sample::select(prefixes), word, ends);
    prop::collection::vec(event, 0..20).prop_map(|events| {
        events.iter().map(|(prefix, word, end)| format!("{prefix}{word}{end}")).collect()
    })
}

/// Returns the headers of a response with a content type.
pub fn of_type(content_type: Option<&str>) -> HeaderMap {
    let value =
        content_type.map(|it| (http::header::CONTENT_TYPE, it.parse().expect("a header value")));
    value.into_iter().collect()
}

/// Returns the head of a response of status 200.
pub fn response(headers: &HeaderMap) -> LlmHttpResponse<'_> {
    LlmHttpResponse::new(http::StatusCode::OK, headers)
}
