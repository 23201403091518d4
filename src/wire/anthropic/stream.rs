use crate::{
    event::Delta,
    wire::{Decoder, SseDecoder},
};

use super::{AnthropicMessage, reader::Reader};

/// Reads a streamed answer: server-sent events.
///
/// Event, block and delta types that it does not know are passed over in silence, as Anthropic's
/// documentation asks; one that cannot be read is a [`Delta::DecodeFault`], and it goes on.
///
/// A body that is a bare JSON object instead of an event stream, as some gateways send, is read as
/// [`AnthropicMessage`] does.
///
/// ```
/// use tower_llm_callbacks::{
///     Delta,
///     wire::{Decoder, anthropic::AnthropicStream},
/// };
///
/// let body = concat!(
///     "event: message_start\n",
///     r#"data: {"type":"message_start","message":{"id":"msg_1","model":"claude"}}"#,
///     "\n\nevent: content_block_delta\n",
///     r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#,
///     "\n\nevent: message_stop\n",
///     r#"data: {"type":"message_stop"}"#,
///     "\n\n",
/// );
/// let mut decoder = AnthropicStream::new();
/// let mut deltas = Vec::new();
/// decoder.push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// assert_eq!(
///     deltas,
///     [
///         Delta::Response { id: Some("msg_1".into()), model: Some("claude".into()) },
///         Delta::text("Hi"),
///         Delta::Done,
///     ],
/// );
/// ```
#[derive(Debug)]
pub struct AnthropicStream {
    body: Body,
    sse: SseDecoder,
    reader: Reader,
}

/// What the body turns out to be.
#[derive(Debug)]
enum Body {
    /// Only line ends so far.
    Unknown,
    Events,
    Whole(AnthropicMessage),
}

impl AnthropicStream {
    /// A decoder for events of at most 16 MiB; one that is longer is a [`Delta::DecodeFault`].
    pub fn new() -> Self {
        Self::over(SseDecoder::new())
    }

    /// A decoder for events of at most so many bytes.
    pub fn with_limit(max_event_bytes: usize) -> Self {
        Self::over(SseDecoder::with_limit(max_event_bytes))
    }

    fn over(sse: SseDecoder) -> Self {
        Self { body: Body::Unknown, sse, reader: Reader::new() }
    }
}

impl Default for AnthropicStream {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for AnthropicStream {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.reader.ended() {
            return;
        }
        if let Body::Unknown = self.body {
            // No line of an event stream that means anything begins like this.
            match bytes.iter().find(|byte| !matches!(byte, b'\r' | b'\n')) {
                None => {}
                Some(b'{') => self.body = Body::Whole(AnthropicMessage::new()),
                Some(_) => self.body = Body::Events,
            }
        }
        match &mut self.body {
            Body::Unknown | Body::Events => {
                self.sse.read(bytes, &mut |piece| self.reader.piece(piece, each));
            }
            Body::Whole(message) => message.push(bytes, each),
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.reader.ended() {
            return;
        }
        match &mut self.body {
            Body::Unknown | Body::Events => {
                self.sse.end(&mut |piece| self.reader.piece(piece, each));
            }
            Body::Whole(message) => message.finish(each),
        }
        self.reader.end();
    }
}
