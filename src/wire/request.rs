use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{LlmHttpRequest, json::members};
use crate::{
    event::{LlmStart, Prompt},
    redact,
};

/// The members of a request's JSON object, none of them parsed yet: a prompt of a megabyte costs
/// nobody anything who does not look at it.
#[derive(Debug, Clone, Default)]
pub(in crate::wire) struct Members(Arc<Vec<(String, Bytes)>>);

impl Members {
    /// Finds the members of a body; those before the fault if it is cut short or broken.
    pub(in crate::wire) fn of(body: &Bytes) -> Self {
        let mut found = Vec::new();
        let body = match body.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => body.slice_ref(rest),
            None => body.clone(),
        };
        // What cannot be read is the provider's to complain of.
        members(&body, |name, value| found.push((name.into_owned(), body.slice(value))));
        Self(Arc::new(found))
    }

    fn raw(&self, name: &str) -> Option<&[u8]> {
        // Of a name that comes twice the last counts, as with most parsers.
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, raw)| &**raw)
    }

    /// A member's value; none where it is null or not there.
    pub(in crate::wire) fn value(&self, name: &str) -> Option<Value> {
        let value = serde_json::from_slice(self.raw(name)?).ok()?;
        Some(value).filter(|value: &Value| !value.is_null())
    }

    /// A member that is a text.
    pub(in crate::wire) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_slice::<Cow<'_, str>>(self.raw(name)?).ok().map(Cow::into_owned)
    }

    /// A member that is true or false.
    pub(in crate::wire) fn flag(&self, name: &str) -> Option<bool> {
        serde_json::from_slice(self.raw(name)?).ok()
    }

    /// All members but some, with what may be secret in them removed.
    pub(in crate::wire) fn params(&self, without: &[&str]) -> Map<String, Value> {
        let mut params = Map::new();
        for (name, raw) in self.0.iter().filter(|(name, _)| !without.contains(&&**name)) {
            if let Ok(value) = serde_json::from_slice(raw) {
                params.insert(name.clone(), value);
            }
        }
        redact::members(&mut params);
        params
    }

    /// The prompt, built from the members when somebody looks at it, and what may be secret in it
    /// removed then.
    pub(in crate::wire) fn messages(
        &self,
        build: impl FnOnce(&Self) -> Vec<Value> + Send + 'static,
    ) -> Prompt {
        let members = self.clone();
        Prompt::lazy(move || {
            let mut messages = Value::Array(build(&members));
            redact::prompt(&mut messages);
            messages
        })
    }

    /// What the requests of most interfaces have in common: `model`, `stream`, the prompt, and
    /// parameters, which are all other members.
    pub(in crate::wire) fn start(
        &self,
        provider: &str,
        api: &str,
        prompt: &'static [&'static str],
        messages: impl FnOnce(&Self) -> Vec<Value> + Send + 'static,
    ) -> LlmStart {
        let without: Vec<&str> = prompt.iter().copied().chain(["model", "stream"]).collect();
        let mut start = LlmStart::new(provider, api)
            .stream(self.flag("stream").unwrap_or(false))
            .messages(self.messages(messages));
        start.model = self.text("model").map(Into::into);
        start.params = self.params(&without);
        start
    }
}

/// An item of a prompt: a role and a content.
pub(in crate::wire) fn message(role: &str, content: impl Into<Value>) -> Value {
    serde_json::json!({ "role": role, "content": content.into() })
}

/// The items of a prompt that is an array; none where it is not there.
pub(in crate::wire) fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(other) => vec![other],
        None => Vec::new(),
    }
}

impl LlmHttpRequest<'_> {
    /// Finds the members of the body.
    pub(in crate::wire) fn members(&self) -> Members {
        Members::of(self.body)
    }

    /// Who is called, by the host that is called directly; none where that tells nothing, as on a
    /// gateway.
    pub(in crate::wire) fn host(&self) -> Option<&str> {
        self.uri.host()
    }
}
