use super::SseEvent;
use crate::event::ProviderError;

/// The default limit of an event, line or array item.
pub(in crate::wire) const EVENT_LIMIT: usize = 16 * 1024 * 1024;

/// The output of the framing decoders: an event, a line, an array item or a frame.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) enum Framed<'a> {
    Event(SseEvent<'a>),
    /// An event is lost: it exceeded the limit, or is damaged.
    Lost,
    /// The framing itself says that the call failed.
    Failure(&'a ProviderError),
}

impl<'a> Framed<'a> {
    /// A JSON text without the fields of server-sent events.
    pub(in crate::wire) fn json(data: &'a str, complete: bool) -> Self {
        Self::Event(SseEvent { event: None, data, id: None, complete })
    }
}

/// Clears a buffer. Releases most of its memory: a single huge event must not pin it for the rest of a long
/// stream.
pub(in crate::wire) fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_CAPACITY);
}

/// The capacity that buffers keep from event to event.
pub(in crate::wire) const KEPT_CAPACITY: usize = 64 * 1024;
