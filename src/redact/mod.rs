//! What must not leave the process: secrets in bodies, headers, URLs and texts.

mod json;
mod url;

pub(crate) use self::{
    json::{members, prompt, redacted},
    url::without_secrets,
};
