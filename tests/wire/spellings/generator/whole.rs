//! An answer that is not streamed: one JSON text.

use super::{
    choices::{Axis, Choices, axis},
    json::Json,
    writing::Writer,
};

axis! {
    Around { Nothing, LineEnd, WhiteSpace, ByteOrderMark }
}

/// Writes a whole body.
pub fn whole(json: &Json, writer: &mut Writer, choices: &mut Choices<'_>) -> Vec<u8> {
    let text = writer.lines(json);
    let around = choices.axis();
    let body = match around {
        Around::Nothing => text,
        Around::LineEnd => text + "\n",
        // Some gateways send white space while they wait for the model.
        Around::WhiteSpace => format!("\n  \r\n{text}\n\n"),
        Around::ByteOrderMark => format!("\u{FEFF}{text}"),
    };
    body.into_bytes()
}
