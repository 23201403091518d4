//! What a decoder read, or should have read.

use serde_json::Value;
use tower_llm_callbacks::{Delta, event::Accumulator, wire::Decoder};

use super::{
    Protocol,
    answer::{Answer, Call},
};

/// How an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Done,
    /// Without an end mark.
    Open,
    /// The message, and one of the codes that name the error, or none.
    Error(String, Vec<String>),
}

/// All that is compared.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub id: Option<String>,
    pub model: Option<String>,
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<Call>,
    pub finish: Option<String>,
    /// Input, output, total, read from and written to the cache, reasoning.
    pub usage: Option<[u64; 6]>,
    /// Not compared where nothing tells it.
    pub streamed: Option<bool>,
    pub faults: u64,
    pub end: End,
}

impl Outcome {
    /// Returns what every spelling of an answer says.
    pub fn of(answer: &Answer, protocol: Protocol) -> Self {
        let usage = answer
            .usage
            .map(|it| [it.input, it.output, it.total(), it.read, it.write, it.reasoning]);
        Self {
            id: protocol.has_id().then(|| answer.id.clone()),
            model: Some(answer.model.clone()),
            text: answer.text.clone(),
            reasoning: answer.reasoning.clone(),
            calls: answer.calls.clone(),
            finish: Some(protocol.finish(answer).into()),
            usage,
            streamed: Some(true),
            faults: 0,
            end: End::Done,
        }
    }

    /// Reads a body in pieces.
    pub fn read<'a>(decoder: &mut dyn Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut sum = Accumulator::new();
        let mut end = End::Open;
        let mut each = |delta: Delta<'_>| {
            assert_eq!(end, End::Open, "a delta after the end: {delta:?}");
            match &delta {
                Delta::Done => end = End::Done,
                Delta::Error(error) => {
                    let code = error.code.iter().map(|code| code.to_string()).collect();
                    end = End::Error(error.message.to_string(), code);
                }
                _ => {}
            }
            sum.delta(&delta);
        };
        for piece in pieces {
            decoder.push(piece, &mut each);
        }
        decoder.finish(&mut each);
        let result = sum.finish();
        let one = result.choices.first().cloned().unwrap_or_default();
        let calls = one.tool_calls.into_iter().map(|call| Call {
            id: call.id,
            name: call.name,
            arguments: serde_json::from_str(&call.arguments)
                .unwrap_or_else(|_| Value::String(format!("not JSON: {}", call.arguments))),
        });
        Self {
            id: result.response_id.as_deref().map(str::to_owned),
            model: result.model.as_deref().map(str::to_owned),
            text: one.text,
            reasoning: one.reasoning,
            calls: calls.collect(),
            finish: one.finish_reason.map(|reason| reason.to_string()),
            usage: result.usage.map(|usage| counts(&serde_json::json!(usage))),
            streamed: Some(result.streamed),
            faults: result.decode_faults,
            end,
        }
    }

    /// Returns how what was read differs from what is expected.
    pub fn differences(&self, got: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let mut compare = |what: &str, wanted: String, got: String, same: bool| {
            if !same {
                all.push(format!("{what}: {wanted} is expected, {got} was read"));
            }
        };
        macro_rules! members {
            ($($member:ident),*) => {$(
                let (wanted, read) = (&self.$member, &got.$member);
                let same = wanted == read;
                compare(stringify!($member), format!("{wanted:?}"), format!("{read:?}"), same);
            )*};
        }
        members!(id, model, text, reasoning, calls, finish, usage, faults);
        if self.streamed.is_some() {
            members!(streamed);
        }
        let same = match (&self.end, &got.end) {
            (End::Error(message, codes), End::Error(got, code)) => {
                let named = codes.is_empty() || code.iter().any(|code| codes.contains(code));
                got.contains(message.as_str()) && named
            }
            (wanted, got) => wanted == got,
        };
        compare("end", format!("{:?}", self.end), format!("{:?}", got.end), same);
        all
    }
}

/// The counts of a usage. One that is not reported counts as 0. By way of JSON, so that this does not depend on
/// whether the member of the struct is optional.
fn counts(usage: &Value) -> [u64; 6] {
    let names = ["input", "output", "total", "cache_read", "cache_write", "reasoning"];
    names.map(|name| usage[format!("{name}_tokens")].as_u64().unwrap_or(0))
}
