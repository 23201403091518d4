use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Choice, Content, ContentCapture, Delta, HttpResponseInfo, LlmResult, TokenKind, ToolCallRef,
    content::size,
    index_table::IndexTable,
    layout::{LayoutBuilder, Native},
    report::Report,
    tool_parts::{News, ToolParts},
    truncation::Truncation,
};
use crate::redact;

/// Adds up deltas to an [`LlmResult`].
///
/// ```
/// use tower_llm_callbacks::{Delta, event::Accumulator};
///
/// let mut answer = Accumulator::new();
/// answer.delta(&Delta::text("Hel"));
/// answer.delta(&Delta::text("lo"));
/// answer.delta(&Delta::finish("stop"));
/// assert_eq!(answer.finish().text(), "Hello");
/// ```
#[derive(Debug, Clone)]
pub struct Accumulator {
    model: Option<Arc<str>>,
    response_id: Option<Arc<str>>,
    streamed: bool,
    choices: Vec<Choice>,
    /// Boxed, because most answers report it at their end.
    report: Option<Box<Report>>,
    tokens: u64,
    decode_faults: u64,
    decode_skipped: bool,
    http: Option<Box<HttpResponseInfo>>,
    /// Parallel to `choices`.
    parts: Vec<Parts>,
    places: IndexTable,
    /// The bytes of each text that are kept.
    limit: usize,
    /// The bytes that may still be kept, of all texts together.
    room: usize,
    /// Whether any part of an answer, or its end, was seen.
    answered: bool,
    /// Whether outputs that are no text are kept.
    outputs: bool,
    /// Whether content came after the last report of usage.
    unreported: bool,
    /// No model ran for the call.
    not_inferred: bool,
    pieces: Pieces,
}

/// How many pieces of each kind of content a stream brought.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pieces {
    /// Text and refusals.
    pub(crate) text: u32,
    pub(crate) reasoning: u32,
    pub(crate) arguments: u32,
}

/// The state of a choice beside its entry in the result.
#[derive(Debug, Clone, Default)]
struct Parts {
    tools: ToolParts,
    truncated: [Truncation; 3],
    layout: LayoutBuilder,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Accumulator {
    /// Creates an accumulator without any delta.
    pub fn new() -> Self {
        Self::capturing(ContentCapture::Full)
    }

    /// Creates an accumulator that keeps only part of the content.
    pub(crate) fn capturing(content: ContentCapture) -> Self {
        Self {
            model: None,
            response_id: None,
            streamed: true,
            choices: Vec::new(),
            report: None,
            tokens: 0,
            decode_faults: 0,
            decode_skipped: false,
            http: None,
            parts: Vec::new(),
            places: IndexTable::default(),
            limit: content.limit(),
            room: usize::MAX,
            answered: false,
            outputs: true,
            unreported: false,
            not_inferred: false,
            pieces: Pieces::default(),
        }
    }

    /// Adds a delta.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        self.add(delta);
    }

    /// Adds a delta. Returns its content if it is a token event.
    #[inline]
    pub(crate) fn add<'d>(&mut self, delta: &'d Delta<'_>) -> Option<Content<'d>> {
        match delta {
            Delta::Text { choice, text } => self.text(*choice, TokenKind::Text, text),
            Delta::Reasoning { choice, text } => self.text(*choice, TokenKind::Reasoning, text),
            Delta::Refusal { choice, text } => self.text(*choice, TokenKind::Refusal, text),
            Delta::ToolCall { choice, index, id, name, arguments } => {
                let bounds = (self.limit, self.room);
                let (_, Parts { tools, layout, .. }) = self.choice(*choice);
                let (tool, news) = tools.piece(*index, id.as_deref(), name.as_deref());
                let kept = tool.push(arguments, bounds);
                let reference = Some(tool.reference());
                if news == News::Call {
                    layout.tool_call(*index);
                }
                // The opening of a call is content although it has no text.
                if news == News::Nothing && arguments.is_empty() {
                    return None;
                }
                self.content(*choice, TokenKind::ToolCall, arguments, kept, reference)
            }
            other => {
                self.add_fact(other);
                None
            }
        }
    }

    /// Adds a piece of text. Returns it if it is a token event.
    #[inline]
    pub(crate) fn text<'d>(
        &mut self,
        choice: u32,
        kind: TokenKind,
        text: &'d str,
    ) -> Option<Content<'d>> {
        let bounds = (self.limit, self.room);
        let (to, parts) = self.choice(choice);
        let (to, truncated) = match kind {
            TokenKind::Reasoning => (&mut to.reasoning, &mut parts.truncated[1]),
            TokenKind::Refusal => (&mut to.refusal, &mut parts.truncated[2]),
            _ => (&mut to.text, &mut parts.truncated[0]),
        };
        let kept = if bounds.0 == usize::MAX && text.len() <= bounds.1 {
            to.push_str(text);
            text
        } else {
            truncated.push(to, text, bounds)
        };
        if !kept.is_empty() {
            match kind {
                TokenKind::Reasoning => parts.layout.reasoning(kept.len()),
                TokenKind::Refusal => parts.layout.refusal(kept.len()),
                _ => parts.layout.text(kept.len()),
            }
        }
        if text.is_empty() { None } else { self.content(choice, kind, text, kept, None) }
    }

    /// Counts content of which `kept` was kept.
    #[inline]
    fn content<'d>(
        &mut self,
        choice: u32,
        kind: TokenKind,
        text: &str,
        kept: &'d str,
        tool_call: Option<Arc<ToolCallRef>>,
    ) -> Option<Content<'d>> {
        self.room = self.room.saturating_sub(kept.len());
        self.unreported = true;
        let pieces = match kind {
            TokenKind::Text | TokenKind::Refusal => &mut self.pieces.text,
            TokenKind::Reasoning => &mut self.pieces.reasoning,
            TokenKind::ToolCall => &mut self.pieces.arguments,
        };
        *pieces = pieces.saturating_add(u32::from(!text.is_empty()));
        if kept.len() < text.len() && self.limit == usize::MAX {
            // Nothing is added behind the gap, not even what would fit.
            self.room = 0;
            self.decode_skipped = true;
        }
        self.streamed.then(|| {
            self.tokens += 1;
            Content { choice, kind, text: kept, tool_call }
        })
    }

    fn add_fact(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Finish { choice, reason } => {
                let (choice, _) = self.choice(*choice);
                if choice.finish_reason.as_deref() != Some(reason) {
                    choice.finish_reason = Some((&**reason).into());
                }
            }
            Delta::Usage { usage, .. } => {
                self.unreported &= !usage.is_known();
                self.report.get_or_insert_default().add(delta);
                self.answered = true;
            }
            Delta::Response { id, model } => {
                // The first non-empty value stays: some vendors send empty ones first.
                for (slot, value) in [(&mut self.response_id, id), (&mut self.model, model)] {
                    if let (None, Some(value)) = (&slot, value)
                        && !value.is_empty()
                    {
                        *slot = Some((&**value).into());
                    }
                }
                self.answered = true;
            }
            Delta::Fingerprint(_) => self.report.get_or_insert_default().add(delta),
            Delta::Outputs { .. } | Delta::Flagged(_) => {
                self.report.get_or_insert_default().add(delta);
                self.answered = true;
            }
            Delta::Output(value) => self.output(value),
            Delta::NotStreamed => {
                self.streamed = false;
                self.answered = true;
            }
            Delta::NotInferred => {
                self.not_inferred = true;
                self.answered = true;
            }
            Delta::Signature { choice, signature } => {
                let kept = self.keeps(signature.len());
                let layout = kept.then(|| &mut self.choice(*choice).1.layout);
                layout.into_iter().for_each(|layout| layout.signature(signature));
            }
            Delta::Native { choice, api, value, covers, text_at } => {
                // How long it is does not matter where nothing is bounded.
                let size = if self.room == usize::MAX { 0 } else { value.to_string().len() };
                if self.keeps(size) {
                    let native = Native {
                        api: (&**api).into(),
                        value: (**value).clone(),
                        covers: *covers,
                        text_at: text_at.as_deref().map(Into::into),
                    };
                    self.choice(*choice).1.layout.native(native);
                }
            }
            Delta::NextBlock { choice } => self.choice(*choice).1.layout.boundary(),
            Delta::DecodeFault => self.decode_faults += 1,
            Delta::Done => self.complete(),
            _ => {}
        }
    }

    fn output(&mut self, value: &Value) {
        let size = if self.outputs { size(value) } else { 0 };
        if !self.outputs || size > self.limit {
            return;
        }
        if size > self.room {
            self.decode_skipped = true;
            return;
        }
        self.room -= size;
        let mut value = value.clone();
        redact::output(&mut value);
        self.report.get_or_insert_default().output.push(value);
        self.answered = true;
    }

    /// Whether something that is no text is kept.
    fn keeps(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.room;
        if self.room != usize::MAX && fits {
            self.room -= bytes;
        }
        self.decode_skipped |= !fits;
        fits && self.limit == usize::MAX
    }

    /// Marks the answer as complete, even if it is empty.
    pub(crate) fn complete(&mut self) {
        self.answered = true;
    }

    /// Whether there are choices, and each has its finish reason.
    pub(crate) fn is_finished(&self) -> bool {
        let choices = &self.choices;
        !choices.is_empty() && choices.iter().all(|choice| choice.finish_reason.is_some())
    }

    /// Returns the position of a choice, which is added if it is new.
    #[inline(never)]
    fn position(&mut self, index: u32) -> usize {
        let choices = &mut self.choices;
        if let Some(at) = self.places.find(choices, index, |choice| choice.index) {
            return at;
        }
        if choices.is_empty() {
            // Most answers have one choice. `push` would reserve four.
            choices.reserve_exact(1);
            self.parts.reserve_exact(1);
        }
        choices.push(Choice { index, ..Choice::default() });
        self.parts.push(Parts::default());
        self.places.added(choices, |choice| choice.index);
        choices.len() - 1
    }

    #[inline]
    fn choice(&mut self, index: u32) -> (&mut Choice, &mut Parts) {
        self.answered = true;
        let at = match self.choices.as_slice() {
            [only] if only.index == index => 0,
            _ => self.position(index),
        };
        (&mut self.choices[at], &mut self.parts[at])
    }

    /// Sets whether outputs that are no text are kept.
    pub(crate) fn keep_outputs(&mut self, keep: bool) {
        self.outputs = keep;
    }

    /// Whether outputs that are no text are kept.
    pub(crate) fn keeps_outputs(&self) -> bool {
        self.outputs && self.limit > 0
    }

    /// Bounds the bytes that are kept of all texts together.
    pub(crate) fn bound(&mut self, bytes: usize) {
        self.room = bytes;
    }

    /// Returns how many bytes may still be kept.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// Whether no model ran for the call.
    pub(crate) fn is_not_inferred(&self) -> bool {
        self.not_inferred
    }

    /// Whether content came after the last report of usage.
    pub(crate) fn has_content_since_report(&self) -> bool {
        self.unreported
    }

    /// Returns how many pieces there were.
    pub(crate) fn pieces(&self) -> Pieces {
        self.pieces
    }

    /// Sets the HTTP response.
    pub(crate) fn http(&mut self, http: HttpResponseInfo) {
        self.http = Some(Box::new(http));
    }

    /// Marks the answer as not streamed.
    pub(crate) fn whole(&mut self) {
        self.streamed = false;
    }

    /// Marks the rest of the answer as not decoded.
    pub(crate) fn skip(&mut self) {
        self.decode_skipped = true;
    }

    /// Returns the number of token events.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Returns the result of the deltas.
    ///
    /// Choices and tool calls are sorted by index. A tool call without arguments has `{}`. The times are absent or
    /// zero: they belong to the run.
    pub fn finish(mut self) -> LlmResult {
        for (choice, Parts { tools, layout, .. }) in self.choices.iter_mut().zip(self.parts) {
            let calls;
            (calls, choice.tool_calls) = tools.finish();
            if self.limit == usize::MAX {
                choice.layout = layout.finish(choice.contents(), &calls);
            }
        }
        self.choices.sort_by_key(|choice| choice.index);
        if self.answered && self.choices.is_empty() {
            self.choices.push(Choice::default());
        }
        let mut result = LlmResult {
            model: self.model,
            response_id: self.response_id,
            streamed: self.streamed,
            choices: self.choices,
            tokens: self.tokens,
            decode_faults: self.decode_faults,
            decode_skipped: self.decode_skipped,
            http: self.http,
            ..LlmResult::default()
        };
        if let Some(report) = self.report {
            report.complete(&mut result);
        }
        result
    }
}

/// The result of the deltas as JSON.
impl From<Accumulator> for Value {
    fn from(answer: Accumulator) -> Self {
        json!(answer.finish())
    }
}
