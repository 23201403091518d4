use std::borrow::Cow;

use super::event::{DeclaredTool, Item};
use crate::wire::{json::Text, json_text::JsonText};

/// More custom tools than a request declares. Bounds the memory of a stream.
const MAX_TOOLS: usize = 1024;

/// The custom tools that the request declares, as far as the answer repeats them.
#[derive(Debug, Default)]
pub(super) struct Declared(Option<Vec<Box<str>>>);

impl Declared {
    pub(super) fn read(&mut self, tools: Option<Vec<DeclaredTool<'_>>>) {
        let Some(tools) = tools else { return };
        let custom = tools.into_iter().filter(|tool| tool.kind.as_deref() == Some("custom"));
        let names = custom.filter_map(|tool| tool.name.filled()).take(MAX_TOOLS);
        self.0 = Some(names.map(|name| name.into()).collect());
    }

    /// Whether the caller runs a custom tool. xAI reports its own tools like custom ones; the caller runs only those
    /// that it declared. Where the answer does not repeat the tools, xAI's documented names are its own.
    fn has(&self, name: &str) -> bool {
        match &self.0 {
            Some(names) => names.iter().any(|known| **known == *name),
            None => !XAI_TOOLS.contains(&name),
        }
    }
}

/// The tools that run at xAI, after "Server-side tools" in xAI's documentation.
const XAI_TOOLS: [&str; 10] = [
    "web_search",
    "web_search_with_snippets",
    "browse_page",
    "open_page",
    "x_user_search",
    "x_keyword_search",
    "x_semantic_search",
    "x_thread_fetch",
    "code_execution",
    "view_image",
];

/// Whether an item is a call that the caller runs or decides, not the provider.
///
/// After the item types in OpenAI's API reference.
pub(super) fn is_callers(item: &Item<'_>, declared: &Declared) -> bool {
    let is = |text: &Text<'_>, value: &str| text.as_deref() == Some(value);
    match item.kind.as_deref().unwrap_or_default() {
        "function_call"
        | "local_shell_call"
        | "apply_patch_call"
        | "computer_call"
        | "mcp_approval_request" => true,
        "custom_tool_call" => declared.has(item.name.as_deref().unwrap_or_default()),
        "shell_call" => {
            let environment = item.environment.0.as_ref();
            environment.is_none_or(|it| it.kind.as_deref().is_none() || is(&it.kind, "local"))
        }
        "tool_search_call" => is(&item.execution, "client"),
        _ => false,
    }
}

/// The call id, the name and the arguments of a call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) arguments: Option<Cow<'a, str>>,
}

impl<'a> Call<'a> {
    pub(super) fn of(item: Item<'a>) -> Self {
        // A tool with a type of its own is named after it.
        let own = item.kind.as_deref().and_then(|kind| kind.strip_suffix("_call"));
        let own = own.filter(|own| !matches!(*own, "function" | "custom_tool")).map(str::to_owned);
        let name = item.name.filled().or(own.map(Cow::Owned));
        // The answer to an approval refers to the id of the item.
        let approval = item.kind.as_deref() == Some("mcp_approval_request");
        let own_id = if approval { item.id } else { Text::default() };
        let id = item.call_id.filled().or_else(|| own_id.filled());
        // The input of a custom tool is any text.
        let members = [item.arguments, item.input, item.action, item.actions, item.operation];
        let arguments = members.into_iter().find_map(JsonText::whole);
        Self { id, name, arguments }
    }
}
