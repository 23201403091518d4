use super::{EventStreamDecoder, EventStreamFault, EventStreamFrame};
use crate::{
    event::ProviderError,
    wire::{SseEvent, error::in_band, framed::Framed},
};

impl EventStreamDecoder {
    /// Decodes the next bytes into events with their names, and the errors of the stream.
    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        self.push(bytes, &mut |frame| framed(frame, each));
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        self.finish(&mut |frame| framed(frame, each));
    }
}

fn framed(frame: Result<EventStreamFrame<'_>, EventStreamFault>, each: &mut dyn FnMut(Framed<'_>)) {
    let Ok(frame) = frame else { return each(Framed::Lost) };
    let payload = String::from_utf8_lossy(frame.payload);
    match frame.message_type() {
        Some("exception" | "error") => each(Framed::Failure(&failure(&frame, &payload))),
        _ => {
            each(Framed::Event(SseEvent {
                event: frame.name(),
                data: &payload,
                id: None,
                complete: true,
            }));
        }
    }
}

/// Reads an exception, whose message is in its payload, or an error, whose message is a header.
fn failure(frame: &EventStreamFrame<'_>, payload: &str) -> ProviderError {
    let mut error = match frame.text(":error-message") {
        Some(message) => ProviderError::new(message),
        None => in_band(payload),
    };
    if let Some(name) = frame.name() {
        error.code = Some(name.into());
    }
    error
}
