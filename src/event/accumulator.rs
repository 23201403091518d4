use std::sync::Arc;

use super::{Choice, Delta, LlmResult, TokenKind, ToolCall, ToolCallRef};

/// Adds deltas up to an [`LlmResult`].
///
/// ```
/// use tower_llm_callbacks::{Accumulator, Delta};
///
/// let mut answer = Accumulator::new();
/// answer.delta(&Delta::text("Hel"));
/// answer.delta(&Delta::text("lo"));
/// answer.delta(&Delta::finish("stop"));
/// assert_eq!(answer.finish().text(), "Hello");
/// ```
#[derive(Debug)]
pub struct Accumulator {
    result: LlmResult,
    /// Parallel to `result.choices`: the tool calls by index, turned into the public form at the end.
    tools: Vec<Vec<Tool>>,
    /// Whether anything of an answer was seen, or its end.
    answered: bool,
}

#[derive(Debug)]
struct Tool {
    arguments: String,
    reference: Arc<ToolCallRef>,
}

/// The content of a delta: what a token event is made of.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    pub(crate) choice: u32,
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
    pub(crate) tool_call: Option<Arc<ToolCallRef>>,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Accumulator {
    /// An answer of which nothing has come yet.
    pub fn new() -> Self {
        let result = LlmResult { streamed: true, ..LlmResult::default() };
        Self { result, tools: Vec::new(), answered: false }
    }

    /// Adds a delta.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        self.add(delta);
    }

    /// Adds a delta, and tells what content it carries if it is a token event.
    #[inline]
    pub(crate) fn add<'d>(&mut self, delta: &'d Delta<'_>) -> Option<Content<'d>> {
        let content = match delta {
            Delta::Text { choice, text } => {
                self.choice(*choice).text.push_str(text);
                Content { choice: *choice, kind: TokenKind::Text, text, tool_call: None }
            }
            Delta::Reasoning { choice, text } => {
                self.choice(*choice).reasoning.push_str(text);
                Content { choice: *choice, kind: TokenKind::Reasoning, text, tool_call: None }
            }
            Delta::Refusal { choice, text } => {
                self.choice(*choice).refusal.push_str(text);
                Content { choice: *choice, kind: TokenKind::Refusal, text, tool_call: None }
            }
            Delta::ToolCall { choice, index, id, name, arguments } => {
                let (opened, reference) =
                    self.tool(*choice, *index, id.as_deref(), name.as_deref(), arguments);
                let content = Content {
                    choice: *choice,
                    kind: TokenKind::ToolCall,
                    text: arguments,
                    tool_call: Some(reference),
                };
                // The opening of a call is content although it has no text.
                return (opened || !arguments.is_empty()).then(|| self.count(content)).flatten();
            }
            other => {
                self.add_fact(other);
                return None;
            }
        };
        if content.text.is_empty() { None } else { self.count(content) }
    }

    fn add_fact(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Finish { choice, reason } => {
                let choice = self.choice(*choice);
                if choice.finish_reason.as_deref() != Some(reason) {
                    choice.finish_reason = Some((&**reason).into());
                }
            }
            Delta::Usage { usage, raw } => {
                self.result.usage = Some(*usage);
                if let Some(raw) = raw {
                    self.result.usage_raw = Some((**raw).clone());
                }
                self.answered = true;
            }
            Delta::Response { id, model } => {
                // The first non-empty word stands: some vendors send placeholders first.
                for (slot, value) in
                    [(&mut self.result.response_id, id), (&mut self.result.model, model)]
                {
                    if let (None, Some(value)) = (&slot, value)
                        && !value.is_empty()
                    {
                        *slot = Some((&**value).into());
                    }
                }
                self.answered = true;
            }
            Delta::NotStreamed => {
                self.result.streamed = false;
                self.answered = true;
            }
            Delta::DecodeFault => self.result.decode_faults += 1,
            Delta::Done => self.complete(),
            _ => {}
        }
    }

    /// The answer is complete, be it an empty one.
    pub(crate) fn complete(&mut self) {
        self.answered = true;
    }

    fn count<'d>(&mut self, content: Content<'d>) -> Option<Content<'d>> {
        self.result.streamed.then(|| {
            self.result.tokens += 1;
            content
        })
    }

    fn position(&mut self, index: u32) -> usize {
        self.answered = true;
        let choices = &mut self.result.choices;
        if let [only] = choices.as_slice()
            && only.index == index
        {
            return 0;
        }
        match choices.iter().rposition(|choice| choice.index == index) {
            Some(at) => at,
            None => {
                // Mostly there is one; `push` would make room for four.
                choices.reserve_exact(1);
                self.tools.reserve_exact(1);
                choices.push(Choice { index, ..Choice::default() });
                self.tools.push(Vec::new());
                choices.len() - 1
            }
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.position(index);
        &mut self.result.choices[at]
    }

    /// Adds to a tool call; tells whether this is its first piece, or its first name or id.
    fn tool(
        &mut self,
        choice: u32,
        index: u32,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
    ) -> (bool, Arc<ToolCallRef>) {
        let at = self.position(choice);
        let tools = &mut self.tools[at];
        let mut opened = false;
        let at = tools.iter().rposition(|tool| tool.reference.index == index);
        let at = at.unwrap_or_else(|| {
            opened = true;
            let reference = Arc::new(ToolCallRef::new(index, "", ""));
            tools.push(Tool { arguments: String::new(), reference });
            tools.len() - 1
        });
        let tool = &mut tools[at];
        tool.arguments.push_str(arguments);
        let known = &tool.reference;
        let id = id.filter(|id| !id.is_empty() && known.id.is_empty());
        let name = name.filter(|name| !name.is_empty() && known.name.is_empty());
        if id.is_some() || name.is_some() {
            opened = true;
            let id = id.unwrap_or(&known.id);
            let name = name.unwrap_or(&known.name);
            tool.reference = Arc::new(ToolCallRef::new(index, id, name));
        }
        (opened, Arc::clone(&tool.reference))
    }

    /// Whether the answer is streamed, as far as is known.
    pub(crate) fn tokens(&self) -> u64 {
        self.result.tokens
    }

    /// What the deltas add up to.
    ///
    /// Choices and tool calls come by index, and a tool call without arguments has `{}`. The times
    /// are left at none and zero: they belong to the run.
    pub fn finish(mut self) -> LlmResult {
        for (choice, mut tools) in self.result.choices.iter_mut().zip(self.tools) {
            tools.sort_by_key(|tool| tool.reference.index);
            choice.tool_calls = tools.into_iter().map(Tool::finish).collect();
        }
        self.result.choices.sort_by_key(|choice| choice.index);
        if self.answered && self.result.choices.is_empty() {
            self.result.choices.push(Choice::default());
        }
        self.result
    }
}

impl Tool {
    fn finish(self) -> ToolCall {
        let arguments = if self.arguments.is_empty() { "{}".to_owned() } else { self.arguments };
        ToolCall {
            id: self.reference.id.as_ref().to_owned(),
            name: self.reference.name.as_ref().to_owned(),
            arguments,
        }
    }
}
