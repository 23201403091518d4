use std::borrow::Cow;

use super::arguments::Arguments;
use crate::event::Delta;

/// More tool calls than are ever open at once. Bounds the memory of a stream.
const MAX_OPEN: usize = 1024;

/// The calls of the caller's own tools in an answer of blocks, numbered in their order.
#[derive(Debug, Default)]
pub(in crate::wire) struct BlockCalls {
    /// The number of calls so far.
    count: u32,
    open: Vec<OpenCall>,
}

/// A call whose end was not read.
#[derive(Debug)]
struct OpenCall {
    /// The index of the block.
    block: Option<u64>,
    /// The index of the call.
    call: u32,
    /// The input that the block began with. Deltas replace it, as in Anthropic's SDKs.
    input: Option<String>,
    arguments: Arguments,
}

impl OpenCall {
    fn end(mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let rest = self.input.or_else(|| self.arguments.end());
        if let Some(rest) = rest {
            emit(self.call, rest.into(), each);
        }
    }
}

impl BlockCalls {
    /// Begins the call of a block, or reads a `whole` one.
    pub(in crate::wire) fn begin(
        &mut self,
        block: Option<u64>,
        id: Option<Cow<'_, str>>,
        name: Option<Cow<'_, str>>,
        input: Option<String>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let call = self.count;
        self.count = call.saturating_add(1);
        let (input, sent) = if whole { (None, input) } else { (input, None) };
        if self.open.len() == MAX_OPEN {
            self.open.remove(0).end(each);
        }
        self.open.push(OpenCall { block, call, input, arguments: Arguments::default() });
        each(Delta::ToolCall {
            choice: 0,
            index: call,
            id,
            name,
            arguments: sent.map_or(Cow::Borrowed(""), Cow::Owned),
        });
    }

    /// Reads a piece of the arguments of a block. Blocks that are no calls of the caller's tools have such pieces too.
    pub(in crate::wire) fn piece(
        &mut self,
        block: Option<u64>,
        piece: Cow<'_, str>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Some(open) = self.open.iter_mut().rev().find(|open| open.block == block) else {
            return;
        };
        if piece.trim() != "{}" {
            open.input = None;
        }
        if let Some(new) = open.arguments.push(piece) {
            emit(open.call, new, each);
        }
    }

    /// Ends a block.
    pub(in crate::wire) fn close(&mut self, block: Option<u64>, each: &mut dyn FnMut(Delta<'_>)) {
        while let Some(at) = self.open.iter().position(|open| open.block == block) {
            self.open.remove(at).end(each);
        }
    }

    /// Ends all blocks.
    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.open.drain(..).for_each(|open| open.end(each));
    }
}

fn emit(call: u32, arguments: Cow<'_, str>, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::ToolCall { choice: 0, index: call, id: None, name: None, arguments });
}
