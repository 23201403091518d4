//! What must not leave the process: secrets in bodies, headers, URLs and texts.

mod json;
mod stub;
mod url;
pub(crate) use stub::*;

pub(crate) use self::{
    json::{members, prompt, redacted},
    url::without_secrets,
};
