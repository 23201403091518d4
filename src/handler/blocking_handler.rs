use std::{any::type_name, borrow::Cow};

use tower::BoxError;

use crate::{
    event::{
        CustomEvent, Event, EventData, LlmResult, LlmStart, Retry, RunError, RunInput, RunOutput,
        Token,
    },
    handler::EventMask,
    run::{Identity, Run, RunType, with_run_types},
};

macro_rules! run_methods {
    ([] $($variant:ident $mask:ident $name:literal $noun:literal $start:ident $end:ident $error:ident;)*) => {
        $(
            #[doc = concat!("Called when a ", $noun, " starts, before the inner service is called.")]
            fn $start(&self, run: &Run, input: &RunInput) {
                let _ = (run, input);
            }

            #[doc = concat!("Called when a ", $noun, " completes.")]
            fn $end(&self, run: &Run, output: &RunOutput) {
                let _ = (run, output);
            }

            #[doc = concat!("Called when a ", $noun, " fails or is cancelled.")]
            fn $error(&self, run: &Run, error: &RunError) {
                let _ = (run, error);
            }
        )*

        /// Called for every event. By default calls the method for the event's kind.
        ///
        /// Override it to handle all events in one place. The other methods are then not called.
        fn on_event(&self, run: &Run, event: &Event) {
            match event.data() {
                EventData::LlmStart(start) => self.on_llm_start(run, start),
                EventData::LlmNewToken(token) => self.on_llm_new_token(run, token),
                EventData::LlmEnd(result) => self.on_llm_end(run, result),
                EventData::LlmError(error) => self.on_llm_error(run, error),
                EventData::Retry(retry) => self.on_retry(run, retry),
                EventData::Custom(custom) => self.on_custom_event(run, custom),
                $(
                    EventData::RunStart(RunType::$variant, input) => self.$start(run, input),
                    EventData::RunEnd(RunType::$variant, output) => self.$end(run, output),
                    EventData::RunError(RunType::$variant, error) => self.$error(run, error),
                )*
                EventData::RunStart(RunType::Llm, _)
                | EventData::RunEnd(RunType::Llm, _)
                | EventData::RunError(RunType::Llm, _) => {}
            }
        }
    };
}

/// Synchronous callbacks. Methods may block: unless registered inline, they run on threads of the
/// handler, in the runtime of the run.
///
/// A handler is notified of the events of one run one after the other, and of different runs at the same time,
/// from several threads. Every method does nothing by default.
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
    note = "implement `CallbackHandler` for it or, if its methods are `async`, implement `AsyncCallbackHandler` and add it with `.async_handler(…)`",
    note = "for a closure, use a function such as `on_llm_new_token(|run, token| …)` or `on_event(|run, event| …)`"
)]
pub trait CallbackHandler: Send + Sync + 'static {
    /// Returns the events that the handler wants; all by default.
    ///
    /// Called once, when the handler is registered. A kind of event that no handler wants is not built.
    fn event_mask(&self) -> EventMask {
        EventMask::ALL
    }

    /// Returns the identity of the instance. Of handlers with equal identities, a set has the first.
    ///
    /// `None`, the default, is an identity of its own for each registration. A handler that is cheap to clone and
    /// shares its state should return the [`Identity`] of that state. `Arc<H>` does.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Returns the handler's name in faults and logs: its type's by default.
    fn name(&self) -> Cow<'static, str> {
        type_name::<Self>().into()
    }

    /// Called for every event. By default calls [`on_event`](Self::on_event) and returns `Ok`.
    ///
    /// Override it instead of `on_event` in a handler that can fail.
    ///
    /// # Errors
    ///
    /// An error detaches the handler from the run, and is reported as a [`Fault`](crate::Fault) with its message.
    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        self.on_event(run, event);
        Ok(())
    }

    /// Called when a model call starts, before the inner service is called.
    fn on_llm_start(&self, run: &Run, start: &LlmStart) {
        let _ = (run, start);
    }

    /// Called for each piece of an answer that has content.
    fn on_llm_new_token(&self, run: &Run, token: &Token) {
        let _ = (run, token);
    }

    /// Called when a model call completes. The last event of a run is this or
    /// [`on_llm_error`](Self::on_llm_error), once.
    fn on_llm_end(&self, run: &Run, result: &LlmResult) {
        let _ = (run, result);
    }

    /// Called when a model call fails, is cancelled, truncated or aborted: see [`RunError::kind`].
    fn on_llm_error(&self, run: &Run, error: &RunError) {
        let _ = (run, error);
    }

    /// Called when another attempt of a call starts.
    fn on_retry(&self, run: &Run, retry: &Retry) {
        let _ = (run, retry);
    }

    /// Called for an event of the application.
    fn on_custom_event(&self, run: &Run, event: &CustomEvent) {
        let _ = (run, event);
    }

    with_run_types!(run_methods);
}
