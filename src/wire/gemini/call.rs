use std::borrow::Cow;

use super::{arguments::PartialArguments, chunk::FunctionCall};
use crate::{event::Delta, wire::json::compacted};

/// More calls than an answer has, and longer than any id. Bound the memory of a stream.
const MAX_IDS: usize = 1024;
const MAX_ID: usize = 256;

/// The tool calls of a candidate.
#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    /// The number of calls so far.
    count: u32,
    /// The ids of complete calls, which are not repeated.
    ids: Vec<Box<str>>,
    open: Option<OpenCall>,
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
        let args = call.args.filter(|args| args.get().starts_with('{'));
        let continues = args.is_none() && self.open.as_ref().is_some_and(|it| it.is(&id, &name));
        if !continues {
            self.close(choice, room, each);
            if args.is_none() && name.is_none() && id.is_none() && pieces.is_empty() && !more {
                return;
            }
            if let Some(id) = id.as_deref() {
                if self.ids.iter().any(|known| **known == *id) {
                    return;
                }
                if self.ids.len() < MAX_IDS && id.len() <= MAX_ID {
                    self.ids.push(id.into());
                }
            }
            let index = self.count;
            self.count = index.saturating_add(1);
            let fragmented = more || !pieces.is_empty();
            if fragmented {
                let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
                let (id, name, arguments) = (owned(&id), owned(&name), Default::default());
                self.open = Some(OpenCall { index, name, id, arguments });
            }
            let arguments = args
                .filter(|_| !fragmented)
                .map_or(Cow::Borrowed(""), |args| compacted(args.get()));
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
