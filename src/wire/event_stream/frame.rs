use super::{
    EventStreamFault, EventStreamHeaders, EventStreamValue,
    prelude::{CHECKSUM, PRELUDE, Prelude, u32_at},
};

/// A frame of an event stream, whose checksums are right.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventStreamFrame<'a> {
    /// The headers.
    pub headers: EventStreamHeaders<'a>,
    /// The payload: JSON for most services.
    pub payload: &'a [u8],
}

impl<'a> EventStreamFrame<'a> {
    /// Reads a whole frame.
    pub(super) fn read(bytes: &'a [u8], prelude: Prelude) -> Result<Self, EventStreamFault> {
        let end = bytes.len() - CHECKSUM;
        if u32_at(bytes, end) != Some(crc32fast::hash(&bytes[..end])) {
            return Err(EventStreamFault::Checksum);
        }
        let (headers, payload) = bytes[PRELUDE..end].split_at(prelude.headers);
        let headers = EventStreamHeaders::read(headers).ok_or(EventStreamFault::Headers)?;
        Ok(Self { headers, payload })
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<EventStreamValue<'a>> {
        self.headers.clone().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Returns the value of a header that is a text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.header(name)? {
            EventStreamValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the kind of the frame, the header `:message-type`: `event`, `exception` or `error`.
    pub fn message_type(&self) -> Option<&'a str> {
        self.text(":message-type")
    }

    /// Returns the name of the event or exception, or the code of the error: the header `:event-type`, `:exception-type` or
    /// `:error-code`.
    pub fn name(&self) -> Option<&'a str> {
        self.text(match self.message_type() {
            Some("exception") => ":exception-type",
            Some("error") => ":error-code",
            _ => ":event-type",
        })
    }
}
