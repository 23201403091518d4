use crate::{
    event::{
        CustomEvent, Event, EventData, LlmResult, LlmStart, Retry, RunError, RunInput, RunOutput,
        Token,
    },
    handler::EventMask,
    run::Run,
};

/// A handler of plain methods: what a user writes who wants to hear of runs.
///
/// Unless it is added as *inline*, its methods may block: they run on threads of their own, never on
/// one of the runtime's workers. It hears of one run's events one after the other, and of different
/// runs at the same time, from several threads.
///
/// Every method does nothing by default.
///
/// ```
/// use tower_llm_callbacks::{CallbackHandler, LlmResult, Run, Token};
///
/// struct Print;
///
/// impl CallbackHandler for Print {
///     fn on_llm_new_token(&self, _run: &Run, token: &Token) {
///         print!("{}", token.text());
///     }
///     fn on_llm_end(&self, run: &Run, result: &LlmResult) {
///         println!("\n{}: {} tokens in {:?}", run.name(), result.tokens, result.duration);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a callback handler",
    note = "implement `CallbackHandler` for it, or, if its methods are `async`, implement `AsyncCallbackHandler` and add it with `.async_handler(…)`",
    note = "for a closure, use a function such as `on_llm_new_token(|run, token| …)` or `on_event(|run, event| …)`"
)]
pub trait CallbackHandler: Send + Sync + 'static {
    /// Which events it wants. Asked once, when the handler is added: leave tokens out, and none is
    /// built for it.
    fn interests(&self) -> EventMask {
        EventMask::ALL
    }

    /// Which instance it is: two handlers with the same identity are told of an event once.
    #[doc(hidden)]
    fn identity(&self) -> Option<usize> {
        None
    }

    /// A model call starts: called in the start phase, before the inner service is.
    fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        let _ = (run, start);
    }

    /// A piece of the answer came: called once per piece that carries content.
    fn on_llm_new_token(&self, run: &Run, token: &Token) {
        let _ = (run, token);
    }

    /// A model call completed. Either this or [`on_llm_error`](Self::on_llm_error) is called, once,
    /// as the last event of the run.
    fn on_llm_end(&self, run: &Run, result: &LlmResult) {
        let _ = (run, result);
    }

    /// A model call failed, was cancelled, truncated or aborted: [`RunError::kind`] says which.
    fn on_llm_error(&self, run: &Run, error: &RunError) {
        let _ = (run, error);
    }

    /// A chain starts.
    fn on_chain_start(&self, run: &Run, input: &RunInput) {
        let _ = (run, input);
    }

    /// A chain completed.
    fn on_chain_end(&self, run: &Run, output: &RunOutput) {
        let _ = (run, output);
    }

    /// A chain failed.
    fn on_chain_error(&self, run: &Run, error: &RunError) {
        let _ = (run, error);
    }

    /// A tool starts.
    fn on_tool_start(&self, run: &Run, input: &RunInput) {
        let _ = (run, input);
    }

    /// A tool completed.
    fn on_tool_end(&self, run: &Run, output: &RunOutput) {
        let _ = (run, output);
    }

    /// A tool failed.
    fn on_tool_error(&self, run: &Run, error: &RunError) {
        let _ = (run, error);
    }

    /// A retriever starts.
    fn on_retriever_start(&self, run: &Run, input: &RunInput) {
        let _ = (run, input);
    }

    /// A retriever completed.
    fn on_retriever_end(&self, run: &Run, output: &RunOutput) {
        let _ = (run, output);
    }

    /// A retriever failed.
    fn on_retriever_error(&self, run: &Run, error: &RunError) {
        let _ = (run, error);
    }

    /// Another attempt of a retried call starts.
    fn on_retry(&self, run: &Run, retry: &Retry) {
        let _ = (run, retry);
    }

    /// An event of the application's own.
    fn on_custom_event(&self, run: &Run, event: &CustomEvent) {
        let _ = (run, event);
    }

    /// Any event. Calls the method for its kind: override it to see all events in one place, and the
    /// other methods are called no more.
    fn on_event(&self, run: &Run, event: &Event) {
        match event.data() {
            EventData::LlmStart(start) => self.on_llm_start(run, start),
            EventData::LlmNewToken(token) => self.on_llm_new_token(run, token),
            EventData::LlmEnd(result) => self.on_llm_end(run, result),
            EventData::LlmError(error) => self.on_llm_error(run, error),
            EventData::ChainStart(input) => self.on_chain_start(run, input),
            EventData::ChainEnd(output) => self.on_chain_end(run, output),
            EventData::ChainError(error) => self.on_chain_error(run, error),
            EventData::ToolStart(input) => self.on_tool_start(run, input),
            EventData::ToolEnd(output) => self.on_tool_end(run, output),
            EventData::ToolError(error) => self.on_tool_error(run, error),
            EventData::RetrieverStart(input) => self.on_retriever_start(run, input),
            EventData::RetrieverEnd(output) => self.on_retriever_end(run, output),
            EventData::RetrieverError(error) => self.on_retriever_error(run, error),
            EventData::Retry(retry) => self.on_retry(run, retry),
            EventData::Custom(custom) => self.on_custom_event(run, custom),
        }
    }
}
