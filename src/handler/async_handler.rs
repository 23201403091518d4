use std::future::Future;

use crate::{
    event::{
        CustomEvent, Event, EventData, LlmResult, LlmStart, Retry, RunError, RunInput, RunOutput,
        Token,
    },
    handler::EventMask,
    run::Run,
};

/// A handler of async methods: what a user writes whose callbacks await things.
///
/// It hears of one run's events one after the other, and of different runs at the same time. Its
/// futures run in a task of the runtime that the call was made in (or
/// [`Callbacks::runtime`](crate::Callbacks::runtime)); they must not block their thread: for that,
/// see [`CallbackHandler`](crate::CallbackHandler).
///
/// Every method does nothing by default; implement those you need as `async fn`.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::{AsyncCallbackHandler, LlmStart, Run};
///
/// struct Slow;
///
/// impl AsyncCallbackHandler for Slow {
///     async fn on_llm_start(&self, run: &Run, _start: &LlmStart) {
///         tokio::time::sleep(Duration::from_millis(300)).await;
///         println!("{} is starting", run.name());
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async callback handler",
    note = "implement `AsyncCallbackHandler` for it, or, if its methods are plain, implement `CallbackHandler` and add it with `.blocking(…)`",
    note = "for a closure, use a function such as `on_event_async`"
)]
pub trait AsyncCallbackHandler: Send + Sync + 'static {
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
    fn on_llm_start(&self, run: &Run, start: &LlmStart) -> impl Future<Output = ()> + Send {
        let _ = (run, start);
        async {}
    }

    /// A piece of the answer came: called once per piece that carries content.
    fn on_llm_new_token(&self, run: &Run, token: &Token) -> impl Future<Output = ()> + Send {
        let _ = (run, token);
        async {}
    }

    /// A model call completed. Either this or [`on_llm_error`](Self::on_llm_error) is called, once,
    /// as the last event of the run.
    fn on_llm_end(&self, run: &Run, result: &LlmResult) -> impl Future<Output = ()> + Send {
        let _ = (run, result);
        async {}
    }

    /// A model call failed, was cancelled, truncated or aborted: [`RunError::kind`] says which.
    fn on_llm_error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
        let _ = (run, error);
        async {}
    }

    /// A chain starts.
    fn on_chain_start(&self, run: &Run, input: &RunInput) -> impl Future<Output = ()> + Send {
        let _ = (run, input);
        async {}
    }

    /// A chain completed.
    fn on_chain_end(&self, run: &Run, output: &RunOutput) -> impl Future<Output = ()> + Send {
        let _ = (run, output);
        async {}
    }

    /// A chain failed.
    fn on_chain_error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
        let _ = (run, error);
        async {}
    }

    /// A tool starts.
    fn on_tool_start(&self, run: &Run, input: &RunInput) -> impl Future<Output = ()> + Send {
        let _ = (run, input);
        async {}
    }

    /// A tool completed.
    fn on_tool_end(&self, run: &Run, output: &RunOutput) -> impl Future<Output = ()> + Send {
        let _ = (run, output);
        async {}
    }

    /// A tool failed.
    fn on_tool_error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
        let _ = (run, error);
        async {}
    }

    /// A retriever starts.
    fn on_retriever_start(&self, run: &Run, input: &RunInput) -> impl Future<Output = ()> + Send {
        let _ = (run, input);
        async {}
    }

    /// A retriever completed.
    fn on_retriever_end(&self, run: &Run, output: &RunOutput) -> impl Future<Output = ()> + Send {
        let _ = (run, output);
        async {}
    }

    /// A retriever failed.
    fn on_retriever_error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
        let _ = (run, error);
        async {}
    }

    /// Another attempt of a retried call starts.
    fn on_retry(&self, run: &Run, retry: &Retry) -> impl Future<Output = ()> + Send {
        let _ = (run, retry);
        async {}
    }

    /// An event of the application's own.
    fn on_custom_event(&self, run: &Run, event: &CustomEvent) -> impl Future<Output = ()> + Send {
        let _ = (run, event);
        async {}
    }

    /// Any event. Calls the method for its kind: override it to see all events in one place, and the
    /// other methods are called no more.
    fn on_event(&self, run: &Run, event: &Event) -> impl Future<Output = ()> + Send {
        async move {
            match event.data() {
                EventData::LlmStart(start) => self.on_llm_start(run, start).await,
                EventData::LlmNewToken(token) => self.on_llm_new_token(run, token).await,
                EventData::LlmEnd(result) => self.on_llm_end(run, result).await,
                EventData::LlmError(error) => self.on_llm_error(run, error).await,
                EventData::ChainStart(input) => self.on_chain_start(run, input).await,
                EventData::ChainEnd(output) => self.on_chain_end(run, output).await,
                EventData::ChainError(error) => self.on_chain_error(run, error).await,
                EventData::ToolStart(input) => self.on_tool_start(run, input).await,
                EventData::ToolEnd(output) => self.on_tool_end(run, output).await,
                EventData::ToolError(error) => self.on_tool_error(run, error).await,
                EventData::RetrieverStart(input) => self.on_retriever_start(run, input).await,
                EventData::RetrieverEnd(output) => self.on_retriever_end(run, output).await,
                EventData::RetrieverError(error) => self.on_retriever_error(run, error).await,
                EventData::Retry(retry) => self.on_retry(run, retry).await,
                EventData::Custom(custom) => self.on_custom_event(run, custom).await,
            }
        }
    }
}
