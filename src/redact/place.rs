use serde_json::{Map, Value};

use super::identity::{self, Identity, has_word};

/// The section of a request that a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Parameters: every string that is a URL, or that identifies a person, is redacted.
    Params,
    /// A schema in the parameters: its members are no values of what they are called after.
    Schema,
    /// The prompt: its texts stay verbatim, even if they are URLs.
    Prompt,
    /// The input or the output of a tool in the prompt.
    Content,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) section: Section,
    /// Whether the value, or an object around it, identifies a person or a machine.
    pub(super) is_personal: bool,
}

impl Place {
    pub(super) fn of(section: Section) -> Self {
        Self { section, is_personal: false }
    }

    /// Returns the place of a value with a name here.
    pub(super) fn at(self, name: &str) -> Self {
        match self.section {
            Section::Params if has_word(name, "schema") => Self::of(Section::Schema),
            Section::Params => {
                let is_personal = match identity::of(name) {
                    Identity::Person => true,
                    Identity::Session => false,
                    // An object's `id`, `name` and the like are those of whom it is called after.
                    Identity::Neither => self.is_personal && name != "type",
                };
                Self { is_personal, ..self }
            }
            Section::Prompt if has_word(name, "metadata") => Self::of(Section::Params),
            Section::Prompt if is_of_tool(name) => Self::of(Section::Content),
            Section::Prompt | Section::Schema | Section::Content => self,
        }
    }

    /// Returns the place of an object's members.
    pub(super) fn within(self, members: &Map<String, Value>) -> Self {
        let is_schema = members.get("properties").is_some_and(Value::is_object);
        match self.section {
            Section::Params if is_schema => Self::of(Section::Schema),
            _ => self,
        }
    }
}

/// Whether a value with this name is what a tool gets or returns.
fn is_of_tool(name: &str) -> bool {
    matches!(name, "input" | "args" | "arguments" | "output" | "response" | "result" | "action")
}
