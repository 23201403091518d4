use super::{ConsoleTarget, clean};
use crate::{
    event::{Event, EventData, LlmResult, Token, TokenKind},
    handler::{CallbackHandler, EventMask},
    run::Run,
};

/// A handler that writes the text of answers as it streams: LangChain's `StreamingStdOutCallbackHandler`.
///
/// Reasoning, refusals and tool calls are left out. A line feed follows each answer that has text. The texts of
/// concurrent runs mix. On a terminal, control characters are replaced; a file or a pipe gets the text as it is.
///
/// Add it as a blocking handler, or in lockstep if the consumer must not see a chunk before it is written. It keeps no
/// state.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::ConsoleTokens};
///
/// let callbacks = Callbacks::new().blocking(ConsoleTokens::stdout());
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Debug)]
pub struct ConsoleTokens(ConsoleTarget);

impl ConsoleTokens {
    /// Creates a handler that writes to standard output.
    pub fn stdout() -> Self {
        Self::new(ConsoleTarget::stdout())
    }

    /// Creates a handler that writes to a target.
    pub fn new(target: ConsoleTarget) -> Self {
        Self(target)
    }

    fn end(&self, result: &LlmResult) {
        if result.tokens > 0 && result.choices.iter().any(|choice| !choice.text.is_empty()) {
            self.0.write("\n");
        }
    }
}

impl CallbackHandler for ConsoleTokens {
    fn event_mask(&self) -> EventMask {
        EventMask::MODELS
    }

    fn on_event(&self, _run: &Run, event: &Event) {
        match event.data() {
            EventData::LlmNewToken(token) => self.token(token),
            data => data.result().into_iter().for_each(|result| self.end(result)),
        }
    }
}

impl ConsoleTokens {
    fn token(&self, token: &Token) {
        if token.kind() != TokenKind::Text {
        } else if self.0.is_terminal() {
            self.0.write(&clean::text(token.text()));
        } else {
            self.0.write(token.text());
        }
    }
}
