//! Redaction of secrets in bodies, headers, URLs and messages.

mod error_chain;
mod header;
mod json;
mod name;
mod text;
mod url;

pub(crate) use self::{
    error_chain::error_chain,
    header::{mark_sensitive, recorded, target},
    json::{members, prompt, redacted},
    text::text,
};
