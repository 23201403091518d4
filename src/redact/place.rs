use serde_json::Value;

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
    pub(super) fn at(self, name: &str, value: &Value) -> Self {
        match self.section {
            Section::Params if is_schema(name, value) => Self::of(Section::Schema),
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
}

/// Members of a schema whose own members are schemas by name.
const OF_SCHEMAS: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Members that only a schema has.
const KEYWORDS: [&str; 8] =
    ["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "description"];

/// Whether a value is a schema by its name, or has schemas as its members. Others may have `properties`, too.
fn is_schema(name: &str, value: &Value) -> bool {
    let is_one = |value: &Value| match value {
        Value::Object(members) => {
            members.is_empty() || KEYWORDS.iter().any(|keyword| members.contains_key(*keyword))
        }
        value => value.is_boolean(),
    };
    let has_schemas = || value.as_object().is_some_and(|members| members.values().all(is_one));
    has_word(name, "schema") || (OF_SCHEMAS.contains(&name) && has_schemas())
}

/// Whether a value with this name is what a tool gets or returns.
fn is_of_tool(name: &str) -> bool {
    matches!(name, "input" | "args" | "arguments" | "output" | "response" | "result" | "action")
}
