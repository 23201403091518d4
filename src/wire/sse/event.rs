/// A server-sent event, borrowed from the pushed bytes or from the decoder.
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
    /// The event's type; `None` if it is absent or empty.
    pub event: Option<&'a str>,
    /// The `data` lines, joined by line feeds.
    pub data: &'a str,
    /// The stream's last event id so far, which may be from an earlier event.
    pub id: Option<&'a str>,
    /// Whether the blank line that ends the event was seen. If not, the data may be truncated.
    pub complete: bool,
}
