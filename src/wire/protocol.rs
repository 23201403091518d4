use super::json::Fault;
use crate::event::Delta;

/// What a provider puts into its JSON texts; how they are framed is [`Reading`](super::Reading)'s.
///
/// A text that cannot be read is a [`Fault`], told and counted by the caller, who tries again if it
/// could be repaired: so an implementation must not have told anything by then.
pub(in crate::wire) trait Protocol: Send + Sync {
    /// What a body is that begins with `{`.
    const OBJECT: Object = Object::Whole;
    /// What a body is that begins with `[`.
    const ARRAY: Array = Array::Whole;

    /// One event of a streamed answer: its name, if it has one, and its data, which is not blank at
    /// both ends. A name may come without data.
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), Fault>;

    /// An answer that comes whole, or an error in its place.
    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), Fault>;

    /// The body has ended, and no end mark came: tells [`Delta::Done`] where the answer is complete
    /// all the same.
    fn eof(&mut self, _each: &mut dyn FnMut(Delta<'_>)) {}
}

/// See [`Protocol::OBJECT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Object {
    /// An answer in one piece.
    Whole,
    /// The first of several objects, one a line.
    Line,
}

/// See [`Protocol::ARRAY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Array {
    /// An answer in one piece, if any.
    Whole,
    /// A streamed answer, each item an event.
    Items,
}
