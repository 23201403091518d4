use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::arguments::Arguments;
use crate::event::Delta;

/// More tool calls than an answer has. Bounds the memory of a stream.
const MAX_CALLS: usize = 1024;

/// The tool calls of choice 0, whose pieces have a key: an index, or an id.
#[derive(Debug, Default)]
pub(in crate::wire) struct ToolCalls(Vec<Call>);

#[derive(Debug)]
struct Call {
    key: u64,
    has_id: bool,
    has_name: bool,
    arguments: Arguments,
}

/// A piece of a call. What is not known yet, or was said before, may be absent.
#[derive(Debug, Default)]
pub(in crate::wire) struct CallPiece<'a> {
    pub(in crate::wire) id: Option<Cow<'a, str>>,
    pub(in crate::wire) name: Option<Cow<'a, str>>,
    pub(in crate::wire) arguments: Cow<'a, str>,
    /// The arguments are all of them, of which a part may have been read.
    pub(in crate::wire) whole: bool,
}

impl ToolCalls {
    /// Returns the number of calls so far.
    pub(in crate::wire) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a piece, and emits what is new in it.
    pub(in crate::wire) fn add(
        &mut self,
        key: impl Hash,
        piece: CallPiece<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        let known = self.0.iter().rposition(|call| call.key == key);
        if known.is_none() && self.0.len() == MAX_CALLS {
            each(Delta::DecodeFault);
            return;
        }
        let at = known.unwrap_or_else(|| {
            let arguments = Arguments::default();
            self.0.push(Call { key, has_id: false, has_name: false, arguments });
            self.0.len() - 1
        });
        let call = &mut self.0[at];
        let id = piece.id.filter(|_| !call.has_id);
        let name = piece.name.filter(|_| !call.has_name);
        call.has_id |= id.is_some();
        call.has_name |= name.is_some();
        let arguments = match piece.whole {
            true => call.arguments.complete(piece.arguments),
            false => call.arguments.push(piece.arguments),
        };
        if known.is_none() || id.is_some() || name.is_some() || arguments.is_some() {
            let arguments = arguments.unwrap_or_default();
            each(Delta::ToolCall { choice: 0, index: index(at), id, name, arguments });
        }
    }

    /// Emits the rest of the arguments of each call.
    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        for (at, call) in self.0.iter_mut().enumerate() {
            if let Some(rest) = call.arguments.end() {
                each(Delta::ToolCall {
                    choice: 0,
                    index: index(at),
                    id: None,
                    name: None,
                    arguments: rest.into(),
                });
            }
        }
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
