//! What the requests of several APIs have in common: results with the name of their tool, and settings in an object.

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

/// Returns the settings of a request that are set, under the names of an API.
pub(super) fn settings<'a, const N: usize>(
    request: &'a ChatRequest,
    names: [Setting<'a>; N],
) -> serde_json::Map<String, serde_json::Value> {
    let set =
        names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value(request)?)));
    set.collect()
}
