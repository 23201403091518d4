/// A server-sent event. Its texts borrow from the bytes that were pushed, or from the decoder.
///
/// ```
/// use tower_llm_callbacks::wire::SseDecoder;
///
/// let mut decoder = SseDecoder::new();
/// decoder.push(b"id: 7\nevent: greeting\ndata: Hello\n\n", &mut |event| {
///     assert_eq!(event.event, Some("greeting"));
///     assert_eq!(event.data, "Hello");
///     assert_eq!(event.id, Some("7"));
///     assert!(event.complete);
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent<'a> {
    /// The event's type; none where the stream gives none or an empty one.
    pub event: Option<&'a str>,
    /// The `data` lines, joined by line feeds.
    pub data: &'a str,
    /// The stream's last event id so far, which may be from an earlier event.
    pub id: Option<&'a str>,
    /// Whether the blank line that ends the event came. Without it the body may have been cut in
    /// the midst of the data.
    pub complete: bool,
}

/// What a decoder inside this crate is told: events, and where one was lost.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) enum Piece<'a> {
    Event(SseEvent<'a>),
    /// An event was over the limit and is being passed over.
    Overflow,
}
