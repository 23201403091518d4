use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Block, ToolCall,
    layout::{Contents, Layout},
};

/// A choice (candidate) of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Choice {
    /// The choice's index.
    pub index: u32,
    /// The text: exactly the concatenation of the choice's text tokens.
    pub text: String,
    /// The reasoning, concatenated likewise.
    pub reasoning: String,
    /// The refusal, concatenated likewise.
    pub refusal: String,
    /// The tool calls, by index.
    pub tool_calls: Vec<ToolCall>,
    /// The provider's finish reason. `None` if the choice did not end.
    pub finish_reason: Option<Arc<str>>,
    #[serde(skip)]
    pub(super) layout: Layout,
}

impl Choice {
    /// Returns what the answer consists of, in its order, with signatures and parts in the provider's own form, which the
    /// typed models read. [`Message`](crate::chat::Message)s for the next request are made of it.
    ///
    /// Records do not have the order, nor what is no content: the blocks of a choice that was read from one, or whose
    /// content was limited or changed, are its reasoning, its text, its refusal and its calls.
    ///
    /// ```
    /// use tower_llm_callbacks::{Delta, event::{Accumulator, Block}};
    ///
    /// let mut answer = Accumulator::new();
    /// for delta in [Delta::reasoning("Hm."), Delta::signature("c2ln"), Delta::text("Hello")] {
    ///     answer.delta(&delta);
    /// }
    /// let result = answer.finish();
    /// let blocks: Vec<_> = result.choices[0].blocks().collect();
    /// let thought = Block::Reasoning { text: "Hm.", signature: Some("c2ln") };
    /// assert_eq!(blocks, [thought, Block::Text("Hello")]);
    /// ```
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let Self { text, reasoning, refusal, .. } = self;
        let blocks = self.layout.blocks(self.contents()).unwrap_or_else(|| {
            let filled = |text: &&String| !text.is_empty();
            let reasoning = Some(reasoning).filter(filled);
            let reasoning = reasoning.map(|text| Block::Reasoning { text, signature: None });
            let text = Some(text).filter(filled).map(|text| Block::Text(text));
            let refusal = Some(refusal).filter(filled).map(|text| Block::Refusal(text));
            let calls = self.tool_calls.iter().map(Block::ToolCall);
            [reasoning, text, refusal].into_iter().flatten().chain(calls).collect()
        });
        blocks.into_iter()
    }

    /// Forgets the order, and what is no content, since a provider's own parts quote some.
    pub(crate) fn forget_layout(&mut self) {
        self.layout = Layout::default();
    }

    pub(super) fn contents(&self) -> Contents<'_> {
        let Self { text, reasoning, refusal, tool_calls, .. } = self;
        Contents { text, reasoning, refusal, tool_calls }
    }
}
