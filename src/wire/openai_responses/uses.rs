use super::event::Item;
use crate::wire::{json, usage::Details};

/// The uses of tools that run at the provider and that it charges for, by their names in the details of usage.
#[derive(Debug, Default)]
pub(super) struct Uses(pub(super) Details);

impl Uses {
    /// Adds an item that has ended, if it is such a use.
    ///
    /// Source: "Built-in tools" of "Pricing" in OpenAI's documentation: of a web search, only the action `search` is charged.
    pub(super) fn add(&mut self, item: &Item<'_>) {
        let name = match item.kind.as_deref().unwrap_or_default() {
            "web_search_call" if is_search(item) => "web_searches",
            "file_search_call" => "storage_searches",
            "code_interpreter_call" => "code_executions",
            "image_generation_call" => "image_generations",
            _ => return,
        };
        *self.0.entry(name.into()).or_default() += 1;
    }

    /// Replaces the uses by those of the output as a whole, unless it has fewer.
    pub(super) fn replace(&mut self, all: Self) {
        for (name, count) in all.0 {
            let known = self.0.entry(name).or_default();
            *known = count.max(*known);
        }
    }
}

/// Whether a web search has no action that is another one: opening a page, or searching in it.
fn is_search(item: &Item<'_>) -> bool {
    let action = json::value(&item.action.0).map(|action| action["type"] == "search");
    action.unwrap_or(true)
}
