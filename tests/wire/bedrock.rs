//! Amazon Bedrock: `Converse` and invocations, on transcripts of this test.

mod converse;
mod damaged;
mod formats;
mod invoke;

use support::wire::{cut, decode};
use tower_llm_callbacks::{Delta, wire::Decoder};

/// The deltas of a body, whatever its cuts.
fn read<D: Decoder>(new: fn() -> D, body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(new(), [body], body);
    for size in [1, 2, 7, 64] {
        assert_eq!(decode(new(), cut(body, &[size]), body), whole, "{size}");
    }
    whole
}

fn call(
    index: u32,
    id: Option<&'static str>,
    name: Option<&'static str>,
    arguments: &'static str,
) -> Delta<'static> {
    Delta::ToolCall {
        choice: 0,
        index,
        id: id.map(Into::into),
        name: name.map(Into::into),
        arguments: arguments.into(),
    }
}

/// The texts of the usages in these deltas.
fn usages(deltas: &[Delta<'_>]) -> Vec<(Option<u64>, Option<u64>)> {
    let counts = deltas.iter().filter_map(|delta| match delta {
        Delta::Usage { usage, .. } => Some((usage.input_tokens, usage.output_tokens)),
        _ => None,
    });
    counts.collect()
}

/// The deltas without those of usage.
fn content(deltas: Vec<Delta<'static>>) -> Vec<Delta<'static>> {
    deltas.into_iter().filter(|delta| !matches!(delta, Delta::Usage { .. })).collect()
}

struct Boxed(Box<dyn Decoder>);

impl Decoder for Boxed {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.finish(each);
    }
}
