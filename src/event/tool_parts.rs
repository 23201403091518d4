use std::sync::Arc;

use super::{ToolCall, ToolCallRef, index_table::IndexTable, truncation::Truncation};

/// The tool calls of a choice while their pieces arrive.
#[derive(Debug, Clone, Default)]
pub(super) struct ToolParts {
    tools: Vec<ToolPart>,
    places: IndexTable,
}

/// A tool call while its pieces arrive.
#[derive(Debug, Clone)]
pub(super) struct ToolPart {
    arguments: String,
    reference: Arc<ToolCallRef>,
    truncated: Truncation,
}

/// What a piece of a tool call brings beside arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// A new call.
    Call,
    /// The call's id or name.
    Reference,
    Nothing,
}

impl ToolParts {
    /// Returns the tool call that a piece belongs to.
    pub(super) fn piece(
        &mut self,
        index: u32,
        id: Option<&str>,
        name: Option<&str>,
    ) -> (&mut ToolPart, News) {
        let Self { tools, places } = self;
        let mut news = News::Nothing;
        let at = places.find(tools, index, |tool| tool.reference.index);
        let at = at.unwrap_or_else(|| {
            news = News::Call;
            tools.push(ToolPart {
                arguments: String::new(),
                reference: Arc::new(ToolCallRef::new(index, "", "")),
                truncated: Truncation::default(),
            });
            places.added(tools, |tool| tool.reference.index);
            tools.len() - 1
        });
        let tool = &mut tools[at];
        let known = &tool.reference;
        let id = id.filter(|id| !id.is_empty() && known.id.is_empty());
        // A name that came in pieces is given again with all of them.
        let name =
            name.filter(|name| name.len() > known.name.len() && name.starts_with(&*known.name));
        if id.is_some() || name.is_some() {
            let id = id.unwrap_or(&known.id);
            let name = name.unwrap_or(&known.name);
            tool.reference = Arc::new(ToolCallRef::new(index, id, name));
            if news == News::Nothing {
                news = News::Reference;
            }
        }
        (tool, news)
    }

    /// Returns the indices of the calls, and the calls, by index.
    pub(super) fn finish(mut self) -> (Vec<u32>, Vec<ToolCall>) {
        self.tools.sort_by_key(|tool| tool.reference.index);
        let indices = self.tools.iter().map(|tool| tool.reference.index).collect();
        (indices, self.tools.into_iter().map(ToolPart::finish).collect())
    }
}

impl ToolPart {
    /// Appends arguments as far as the limits allow. Returns what was appended.
    pub(super) fn push<'d>(&mut self, arguments: &'d str, bounds: (usize, usize)) -> &'d str {
        self.truncated.push(&mut self.arguments, arguments, bounds)
    }

    pub(super) fn reference(&self) -> Arc<ToolCallRef> {
        Arc::clone(&self.reference)
    }

    fn finish(self) -> ToolCall {
        let empty = self.arguments.is_empty() && !self.truncated.is_truncated();
        let arguments = if empty { "{}".to_owned() } else { self.arguments };
        ToolCall {
            id: self.reference.id.as_ref().to_owned(),
            name: self.reference.name.as_ref().to_owned(),
            arguments,
        }
    }
}
