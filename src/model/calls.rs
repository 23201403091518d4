//! What the requests of Gemini and Ollama have in common: results with the name of their tool, and settings in an object.

use crate::chat::{ChatRequest, ContentPart};

/// The tool calls of a conversation that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Calls<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Calls<'a> {
    pub(super) fn add(&mut self, part: &'a ContentPart) {
        if let ContentPart::ToolCall { id, name, .. } = part {
            self.0.push((id, name));
        }
    }

    /// Returns the name of the tool with this result: by the id of the call, or in order where calls have none. Some
    /// versions of servers send no ids.
    pub(super) fn name(&mut self, id: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(known, _)| *known == id)?;
        Some(self.0.remove(at).1)
    }
}

/// A setting of a request, by its name in an API.
type Setting<'a> = (&'static str, fn(&'a ChatRequest) -> Option<serde_json::Value>);

/// Adds the settings of a request that are set, under the names of an API.
pub(super) fn set<'a>(
    members: &mut serde_json::Map<String, serde_json::Value>,
    request: &'a ChatRequest,
    names: [Setting<'a>; 5],
) {
    for (name, value) in names {
        if let Some(value) = value(request) {
            members.insert(name.to_owned(), value);
        }
    }
}
