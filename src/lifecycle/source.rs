use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tower::BoxError;

use super::{account::Account, emitter::Emitter};

/// How the items of a wrapped stream or body are polled and read.
/// `T` is the type of the items, `H` that of held ones.
pub(crate) trait Source<St, T, H, A: Account>: Reader<A> {
    /// Polls the inner stream.
    fn poll(inner: Pin<&mut St>, cx: &mut Context<'_>) -> Poll<Option<Result<T, BoxError>>>;

    /// Reads an item; only counts it if the answer is over. Returns whether another item may follow.
    fn item(&mut self, item: &T, inner: Pin<&St>, emitter: &mut Emitter<A>) -> Position;

    /// Holds an item until handlers have returned. Returns the item if it is not to be held.
    fn hold(item: T) -> Result<H, T>;

    /// Returns a held item.
    fn release(held: H) -> T;

    /// The inner stream has ended.
    fn end(&mut self, emitter: &mut Emitter<A>);

    /// The inner stream returned an error.
    fn error(&mut self, error: &BoxError, emitter: &mut Emitter<A>) {
        emitter.error(&**error);
    }
}

/// What reads the items of a stream.
pub(crate) trait Reader<A: Account> {
    /// The stream is dropped, and its run ends. Not called for an aborted run, whose terminal event may be emitted.
    fn dropped(&mut self, emitter: &mut Emitter<A>) {
        let _ = emitter;
    }
}

/// Where an item is in its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Inner,
    /// No consumer polls again after this item.
    Last,
}
