use std::error::Error;

use super::text::text;

/// Returns the messages of an error and its sources, joined by `: ` and redacted. Leaves out a source whose message is
/// already part of the text.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !message.contains(&next) {
            message.push_str(": ");
            message.push_str(&next);
        }
        source = cause.source();
    }
    text(&message).into_owned()
}
