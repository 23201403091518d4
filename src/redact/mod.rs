//! Redaction of secrets in bodies, headers, URLs and messages.

mod header;
mod json;
mod name;
mod text;
mod url;

pub(crate) use self::{
    header::{mark_sensitive, recorded, target},
    json::{members, prompt, redacted},
    text::text,
};
