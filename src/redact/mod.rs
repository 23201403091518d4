//! Redaction of secrets, and of what identifies a person or a machine, in bodies, headers, URLs and messages.

mod credentials;
mod error_chain;
mod file;
mod header;
mod identity;
mod json;
mod name;
mod personal;
mod place;
mod text;
mod untouched;
mod url;

pub(crate) use self::{
    credentials::Credentials,
    error_chain::error_chain,
    file::{is_placeholder, without_file},
    header::{is_credential, is_of_person, mark_sensitive, recorded, target},
    json::{members, output, prompt, redacted},
    text::{KEYS, text},
    untouched::leaves_prompt,
};
