use std::borrow::Cow;

use serde_json::{Map, Value, value::RawValue};

use super::{arguments::Arguments, chunk::FunctionCall};
use crate::{
    event::Delta,
    wire::json::{self, Fault},
};

/// The tool calls of a candidate.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// How many there were.
    count: u32,
    open: Option<Open>,
}

/// A call whose arguments come in pieces.
#[derive(Debug)]
struct Open {
    index: u32,
    name: Option<String>,
    id: Option<String>,
    arguments: Arguments,
}

impl Calls {
    /// Tells a call that comes whole, or the beginning of one that comes in pieces. The pieces are not
    /// in the order of the text that they make up, so they are told together at the end of the call.
    pub(super) fn add(
        &mut self,
        choice: u32,
        call: FunctionCall<'_>,
        room: &mut usize,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let more = call.will_continue == true;
        let pieces = call.partial_args.0.unwrap_or_default();
        let (id, name) = (call.id.filled(), call.name.filled());
        let args = call.args.filter(|args| args.get().starts_with('{'));
        let goes_on = args.is_none() && self.open.as_ref().is_some_and(|it| it.is(&id, &name));
        if !goes_on {
            self.close(choice, room, each);
            if args.is_none() && name.is_none() && id.is_none() && pieces.is_empty() && !more {
                return;
            }
            let index = self.count;
            self.count = index.saturating_add(1);
            let in_pieces = more || !pieces.is_empty();
            if in_pieces {
                let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
                let (id, name) = (owned(&id), owned(&name));
                self.open = Some(Open { index, name, id, arguments: Arguments::default() });
            }
            let arguments = args.filter(|_| !in_pieces).map_or(Cow::Borrowed(""), text);
            each(Delta::ToolCall { choice, index, id, name, arguments });
        }
        let Some(open) = &mut self.open else { return };
        for piece in pieces {
            if !open.arguments.put(piece, room) {
                each(Delta::DecodeFault);
            }
        }
        if !more {
            self.close(choice, room, each);
        }
    }

    /// Tells the arguments of a call that came in pieces: it has ended, or no more will come.
    pub(super) fn close(&mut self, choice: u32, room: &mut usize, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(Open { index, arguments, .. }) = self.open.take() {
            *room += arguments.cost();
            let arguments = Cow::Owned(arguments.into_json());
            each(Delta::ToolCall { choice, index, id: None, name: None, arguments });
        }
    }
}

impl Open {
    /// Whether it is this call that another piece names.
    fn is(&self, id: &Option<Cow<'_, str>>, name: &Option<Cow<'_, str>>) -> bool {
        let same = |known: &Option<String>, told: &Option<Cow<'_, str>>| {
            told.is_none() || known.as_deref() == told.as_deref()
        };
        same(&self.id, id) && same(&self.name, name)
    }
}

/// A JSON text without white space, and with its lone surrogates replaced.
fn text(json: &RawValue) -> Cow<'_, str> {
    let json = json.get();
    // Only these can be lone surrogates, which are passed over as long as nobody wants the value.
    if (json.contains("\\ud") || json.contains("\\uD"))
        && let Err(Fault::Repaired(json)) = json::read::<Map<String, Value>>(json)
    {
        return Cow::Owned(compact(&json).into_owned());
    }
    compact(json)
}

fn compact(json: &str) -> Cow<'_, str> {
    let mut compact = String::new();
    let (mut copied, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                compact.push_str(&json[copied..at]);
                copied = at + 1;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    compact.push_str(&json[copied..]);
    Cow::Owned(compact)
}
