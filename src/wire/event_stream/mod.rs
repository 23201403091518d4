//! The framing of AWS, `application/vnd.amazon.eventstream`, after "Event stream encoding" in the specification of Smithy:
//! binary frames with headers, a payload and two checksums.

mod decoder;
mod fault;
mod frame;
mod framed;
mod headers;
mod prelude;

pub use decoder::EventStreamDecoder;
pub use fault::EventStreamFault;
pub use frame::EventStreamFrame;
pub use headers::{EventStreamHeaders, EventStreamValue};
