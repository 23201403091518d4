use super::json::ReadError;
use crate::event::Delta;

/// A provider's JSON texts, read into deltas. A `BodyDecoder` removes their framing.
///
/// A method that returns a [`ReadError`] must not have emitted anything: the caller reports the fault and
/// calls it again with the repaired text, if there is one.
pub(in crate::wire) trait Protocol: Send + Sync {
    /// The meaning of a body that begins with `{`.
    const OBJECT: ObjectBody = ObjectBody::Whole;
    /// The meaning of a body that begins with `[`.
    const ARRAY: ArrayBody = ArrayBody::Whole;

    /// Whether answers may come as an event stream of AWS, whatever the response declares.
    const HAS_FRAMES: bool = false;

    /// Reads an event of a streamed answer. `data` is trimmed and may be empty.
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError>;

    /// Whether the event that was read last changed nothing: one that differs from it in a text emits the same, but for
    /// that text.
    fn repeats(&self) -> bool {
        false
    }

    /// Reads a non-streamed answer, or an error in its place.
    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError>;

    /// Ends a streamed body without an end mark. Emits [`Delta::Done`] if the answer is complete nevertheless.
    fn eof(&mut self, _each: &mut dyn FnMut(Delta<'_>)) {}
}

/// See [`Protocol::OBJECT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum ObjectBody {
    /// A non-streamed answer.
    Whole,
    /// The first of several objects, one per line.
    Line,
}

/// See [`Protocol::ARRAY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum ArrayBody {
    /// A non-streamed answer or an error.
    Whole,
    /// A streamed answer; each item is an event.
    Items,
    /// A non-streamed answer, also if there is one item in it.
    List,
}
