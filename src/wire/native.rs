//! Parts of answers in the provider's own form, which only typed models read: signatures, encrypted reasoning, calls that
//! ran at the provider …
//!
//! A protocol reads content. A [`NativeReader`] reads the same JSON texts once more and finds what belongs to the content;
//! [`Natives`] puts it between the deltas of the protocol.

use std::{collections::VecDeque, fmt, mem};

use serde_json::Value;

use super::json;
use crate::event::Delta;

/// The bytes of events that are read for one answer. Bounds the memory of a stream.
const LIMIT: usize = 64 * 1024 * 1024;

/// Finds the native parts of an API's answers.
pub(in crate::wire) trait NativeReader: Send + Sync {
    /// Whether an event may have or end such a part: most have only a text.
    fn concerns(&self, event: &str) -> bool;

    /// Returns what the protocol emits for an event, piece by piece, and the parts between.
    fn event(&mut self, event: &Value) -> Vec<Piece>;

    /// Returns the same for a non-streamed answer.
    fn whole(&mut self, answer: &Value) -> Vec<Piece>;
}

/// Content that the protocol emits, and what comes before and after it.
#[derive(Debug, Default)]
pub(in crate::wire) struct Piece {
    pub(in crate::wire) before: Option<Delta<'static>>,
    /// The number of deltas with content.
    pub(in crate::wire) deltas: usize,
    pub(in crate::wire) after: Option<Delta<'static>>,
}

impl Piece {
    /// Content without anything else.
    pub(in crate::wire) fn content(deltas: usize) -> Self {
        Self { deltas, ..Self::default() }
    }

    pub(in crate::wire) fn after(mut self, delta: Option<Delta<'static>>) -> Self {
        self.after = delta;
        self
    }

    pub(in crate::wire) fn before(mut self, delta: Delta<'static>) -> Self {
        self.before = Some(delta);
        self
    }
}

/// Returns a native part of choice 0.
pub(in crate::wire) fn part(api: &'static str, value: Value, covers: bool) -> Delta<'static> {
    match Delta::native(api, value) {
        Delta::Native { choice, api, value, text_at, .. } => {
            Delta::Native { choice, api, value, covers, text_at }
        }
        other => other,
    }
}

/// The native parts of one answer; none of them unless somebody wants them.
#[derive(Default)]
pub(in crate::wire) struct Natives {
    reader: Option<Box<dyn NativeReader>>,
    read: usize,
}

impl Natives {
    pub(in crate::wire) fn of(reader: impl NativeReader + 'static) -> Self {
        Self { reader: Some(Box::new(reader)), read: 0 }
    }

    /// Returns the pieces of an event.
    pub(in crate::wire) fn event(&mut self, event: &str) -> Pieces {
        self.pieces(event, |reader| reader.concerns(event), |reader, event| reader.event(event))
    }

    /// Returns the pieces of a non-streamed answer.
    pub(in crate::wire) fn whole(&mut self, answer: &str) -> Pieces {
        self.pieces(answer, |_| true, |reader, answer| reader.whole(answer))
    }

    fn pieces(
        &mut self,
        text: &str,
        concerns: impl FnOnce(&dyn NativeReader) -> bool,
        read: impl FnOnce(&mut dyn NativeReader, &Value) -> Vec<Piece>,
    ) -> Pieces {
        let Some(reader) = self.reader.as_deref_mut() else { return Pieces::default() };
        if !concerns(reader) {
            return Pieces::default();
        }
        self.read = self.read.saturating_add(text.len());
        match json::value(text) {
            Some(value) if self.read <= LIMIT => Pieces(read(reader, &value).into()),
            _ => Pieces::default(),
        }
    }
}

impl fmt::Debug for Natives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Natives").field("read", &self.reader.is_some()).finish()
    }
}

/// The pieces of a text whose deltas were not emitted yet.
#[derive(Debug, Default)]
pub(in crate::wire) struct Pieces(VecDeque<Piece>);

impl Pieces {
    pub(in crate::wire) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes on a delta of the protocol, and what belongs before and after it.
    pub(in crate::wire) fn pass(&mut self, delta: Delta<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if delta.content().is_none() {
            // The content is over.
            if let Delta::Usage { .. } | Delta::Finish { .. } | Delta::Done = delta {
                self.end(each);
            }
            return each(delta);
        }
        while let Some(piece) = self.0.front_mut() {
            if let Some(before) = piece.before.take() {
                each(before);
            }
            if piece.deltas > 0 {
                break;
            }
            self.next(each);
        }
        each(delta);
        if let Some(piece) = self.0.front_mut() {
            piece.deltas -= 1;
            if piece.deltas == 0 {
                self.next(each);
            }
        }
    }

    /// Emits what is left.
    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        for piece in mem::take(&mut self.0) {
            [piece.before, piece.after].into_iter().flatten().for_each(&mut *each);
        }
    }

    fn next(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(after) = self.0.pop_front().and_then(|piece| piece.after) {
            each(after);
        }
    }
}
