use std::{sync::Arc, time::Duration};

use crate::{
    chat::ChatChunk,
    event::{Delta, ProviderError, Usage},
};

/// The steps of a [`ScriptedModel`](super::ScriptedModel) in one call.
///
/// Steps before [`respond`](Self::respond) are played before the call responds, the others in the response stream. A
/// script without `respond` responds at once.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::testing::Script;
///
/// let script = Script::new()
///     .pause(Duration::from_millis(200))
///     .respond()
///     .text("Hel")
///     .pause(Duration::from_millis(20))
///     .text("lo")
///     .fail("connection reset");
/// # let _ = script;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Script {
    pub(crate) before: Arc<Vec<Step>>,
    pub(crate) stream: Arc<Vec<Step>>,
    responded: bool,
}

/// One step of a [`Script`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// Yields a chunk. Ignored before the response.
    Chunk(ChatChunk),
    /// Sleeps.
    Pause(Duration),
    /// Returns `Pending` once, and wakes the task at once.
    Yield,
    /// Yields an error. A stream continues with the following steps.
    Error(ScriptedFailure),
    /// Never completes.
    Hang,
    /// Panics.
    Panic,
}

/// The error of a [`Step`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ScriptedFailure {
    /// A transport error with a message.
    Transport(Arc<str>),
    /// An error reported by the provider.
    Provider(ProviderError),
}

impl Script {
    /// Creates a script without steps: an empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a complete answer: texts, the finish reason `stop` and the end mark.
    pub fn answer<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let script = texts.into_iter().fold(Self::new().respond(), |s, text| s.text(text));
        script.complete("stop")
    }

    /// Responds: the following steps are played in the stream.
    pub fn respond(mut self) -> Self {
        if !self.responded {
            self.before = std::mem::take(&mut self.stream);
            self.responded = true;
        }
        self
    }

    /// Adds a step.
    pub fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.stream).push(step);
        self
    }

    /// Yields a chunk.
    pub fn chunk(self, chunk: ChatChunk) -> Self {
        self.step(Step::Chunk(chunk))
    }

    /// Yields a chunk of text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.chunk(ChatChunk::text(text.into()))
    }

    /// Yields a chunk of reasoning.
    pub fn reasoning(self, text: impl Into<String>) -> Self {
        self.chunk(ChatChunk::reasoning(text.into()))
    }

    /// Yields the signature of the reasoning before.
    pub fn signature(self, signature: impl Into<String>) -> Self {
        self.chunk(ChatChunk::signature(signature.into()))
    }

    /// Yields the next tool call, whole. The arguments are JSON text.
    pub fn tool_call(
        self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        let opens = |step: &&Step| matches!(step, Step::Chunk(Delta::ToolCall { id: Some(_), .. }));
        let index = self.stream.iter().filter(opens).count();
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.chunk(ChatChunk::tool_call(index, id.into(), name.into(), arguments.into()))
    }

    /// Yields the token counts.
    pub fn usage(self, usage: Usage) -> Self {
        self.chunk(ChatChunk::usage(usage))
    }

    /// Creates a call that the provider refuses before it responds.
    ///
    /// ```
    /// use tower_llm_callbacks::{ProviderError, testing::Script};
    ///
    /// let script = Script::refusal(ProviderError::new("Overloaded").status(529));
    /// # let _ = script;
    /// ```
    pub fn refusal(error: ProviderError) -> Self {
        Self::new().provider_error(error).respond()
    }

    /// Yields a finish reason and the end mark.
    pub fn complete(self, reason: &'static str) -> Self {
        self.chunk(ChatChunk::finish(reason)).chunk(ChatChunk::Done)
    }

    /// Sleeps.
    pub fn pause(self, duration: Duration) -> Self {
        self.step(Step::Pause(duration))
    }

    /// Returns `Pending` once.
    pub fn yields(self) -> Self {
        self.step(Step::Yield)
    }

    /// Fails with a transport error: the call, if [`respond`](Self::respond) follows, else the stream.
    pub fn fail(self, message: impl Into<Arc<str>>) -> Self {
        self.step(Step::Error(ScriptedFailure::Transport(message.into())))
    }

    /// Fails with an error reported by the provider: the call, if [`respond`](Self::respond) follows, else the stream.
    pub fn provider_error(self, error: ProviderError) -> Self {
        self.step(Step::Error(ScriptedFailure::Provider(error)))
    }

    /// Never completes.
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Panics.
    pub fn panic(self) -> Self {
        self.step(Step::Panic)
    }

    /// Returns the steps before and after the response.
    pub(crate) fn split(&self) -> (Arc<Vec<Step>>, Arc<Vec<Step>>) {
        let stream = Arc::clone(&self.stream);
        if self.responded { (Arc::clone(&self.before), stream) } else { (Arc::default(), stream) }
    }
}

/// A single script, for [`ScriptedModel::new`](super::ScriptedModel::new).
impl From<Script> for Vec<Script> {
    fn from(script: Script) -> Self {
        vec![script]
    }
}
