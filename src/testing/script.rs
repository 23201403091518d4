use std::{sync::Arc, time::Duration};

use crate::{chat::ChatChunk, event::ProviderError};

/// What a [`ScriptedModel`](super::ScriptedModel) does in one call.
///
/// Steps before [`respond`](Self::respond) happen before the response, the others in the stream. A
/// script without it responds at once.
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
    /// Give a chunk. (Before the response it does nothing.)
    Chunk(ChatChunk),
    /// Wait.
    Pause(Duration),
    /// Be pending once, and wake at once.
    Yield,
    /// Give an error. A stream goes on with the steps after it.
    Error(ScriptedFailure),
    /// Never go on.
    Hang,
    /// Panic.
    Panic,
}

/// The error of a step.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ScriptedFailure {
    /// An error of the transport, with a message.
    Transport(Arc<str>),
    /// An error that the provider reports.
    Provider(ProviderError),
}

impl Script {
    /// A script without steps: an empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A complete answer: texts, finish reason `stop`, and the end mark.
    pub fn answer<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let script = texts.into_iter().fold(Self::new().respond(), |s, text| s.text(text));
        script.complete("stop")
    }

    /// Responds: the steps that follow happen in the stream.
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

    /// Gives a chunk.
    pub fn chunk(self, chunk: ChatChunk) -> Self {
        self.step(Step::Chunk(chunk))
    }

    /// Gives a chunk of text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.chunk(ChatChunk::text(text.into()))
    }

    /// Gives a finish reason and the end mark.
    pub fn complete(self, reason: &'static str) -> Self {
        self.chunk(ChatChunk::finish(reason)).chunk(ChatChunk::Done)
    }

    /// Waits.
    pub fn pause(self, duration: Duration) -> Self {
        self.step(Step::Pause(duration))
    }

    /// Is pending once.
    pub fn yields(self) -> Self {
        self.step(Step::Yield)
    }

    /// Fails on the way.
    pub fn fail(self, message: impl Into<Arc<str>>) -> Self {
        self.step(Step::Error(ScriptedFailure::Transport(message.into())))
    }

    /// Fails as the provider says.
    pub fn provider_error(self, error: ProviderError) -> Self {
        self.step(Step::Error(ScriptedFailure::Provider(error)))
    }

    /// Never goes on.
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Panics.
    pub fn panic(self) -> Self {
        self.step(Step::Panic)
    }

    pub(crate) fn split(&self) -> (Arc<Vec<Step>>, Arc<Vec<Step>>) {
        let stream = Arc::clone(&self.stream);
        if self.responded { (Arc::clone(&self.before), stream) } else { (Arc::default(), stream) }
    }
}
