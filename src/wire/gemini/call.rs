use std::borrow::Cow;

use super::{arguments::PartialArguments, chunk::FunctionCall};
use crate::{
    event::Delta,
    wire::fingerprint::{Fingerprint, JsonFingerprint},
};

/// More calls than an answer has. Bounds the memory of a stream.
const MAX_KNOWN: usize = 1024;

/// The tool calls of a candidate.
#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    /// The number of calls so far.
    count: u32,
    /// The calls with an id, which a later event may repeat.
    known: Vec<Known>,
    open: Option<OpenCall>,
}

/// What tells a call from another. Adapters make ids that are not unique, such as the function's name.
#[derive(Debug)]
struct Known {
    id: Fingerprint,
    name: Fingerprint,
    /// `None` if they were fragmented.
    arguments: Option<JsonFingerprint>,
}

impl Known {
    fn is_repeated_by(&self, other: &Self) -> bool {
        let same = self.arguments.is_none() || self.arguments == other.arguments;
        same && (self.id, self.name) == (other.id, other.name)
    }
}

/// A call whose arguments are fragmented.
#[derive(Debug)]
struct OpenCall {
    index: u32,
    name: Option<String>,
    id: Option<String>,
    arguments: PartialArguments,
}

impl ToolCalls {
    /// Emits a complete call, or the beginning of a fragmented one. The order of fragments is not that of the
    /// resulting JSON text, so the arguments are emitted at the end of the call.
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
        let args = call.args.whole();
        let continues = args.is_none() && self.open.as_ref().is_some_and(|it| it.is(&id, &name));
        if !continues {
            self.close(choice, room, each);
            if args.is_none() && name.is_none() && id.is_none() && pieces.is_empty() && !more {
                return;
            }
            let fragmented = more || !pieces.is_empty();
            if let Some(id) = id.as_deref() {
                let new = Known {
                    id: Fingerprint::of(id),
                    name: Fingerprint::of(name.as_deref().unwrap_or_default()),
                    arguments: args.as_deref().filter(|_| !fragmented).map(JsonFingerprint::of),
                };
                if self.known.iter().any(|known| known.is_repeated_by(&new)) {
                    return;
                }
                if self.known.len() < MAX_KNOWN {
                    self.known.push(new);
                }
            }
            let index = self.count;
            self.count = index.saturating_add(1);
            if fragmented {
                let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
                let (id, name, arguments) = (owned(&id), owned(&name), Default::default());
                self.open = Some(OpenCall { index, name, id, arguments });
            }
            let arguments = args.filter(|_| !fragmented).unwrap_or_default();
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

    /// Ends a fragmented call and emits its arguments.
    pub(super) fn close(&mut self, choice: u32, room: &mut usize, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(OpenCall { index, arguments, .. }) = self.open.take() {
            *room += arguments.cost();
            let arguments = Cow::Owned(arguments.into_json());
            each(Delta::ToolCall { choice, index, id: None, name: None, arguments });
        }
    }
}

impl OpenCall {
    /// Whether a fragment with this id and name belongs to the call.
    fn is(&self, id: &Option<Cow<'_, str>>, name: &Option<Cow<'_, str>>) -> bool {
        let same = |known: &Option<String>, sent: &Option<Cow<'_, str>>| {
            sent.is_none() || known.as_deref() == sent.as_deref()
        };
        same(&self.id, id) && same(&self.name, name)
    }
}
