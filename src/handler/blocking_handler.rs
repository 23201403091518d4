use std::{any::type_name, borrow::Cow};

use tower::BoxError;

use crate::{
    event::{
        CustomEvent, Event, EventData, LlmResult, LlmStart, Retry, RunError, RunInput, RunOutput,
        Token,
    },
    handler::{BatchError, BatchEvent, EventMask},
    run::{Identity, Run, RunType, with_run_types},
};

macro_rules! run_methods {
    ([] $($variant:ident $mask:ident $name:literal $noun:literal: $start:ident($starts:ident $input:ident)
        $end:ident($ends:ident $output:ident) $error:ident($fails:ident);)*) => {
        $(
            #[doc = concat!("Called when a ", $noun, " starts, before the inner service is called.")]
            fn $start(&self, run: &Run, start: &$input) {
                let _ = (run, start);
            }

            #[doc = concat!("Called when a ", $noun, " completes.")]
            fn $end(&self, run: &Run, end: &$output) {
                let _ = (run, end);
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
                    EventData::$starts(RunType::$variant, start) => self.$start(run, start),
                    EventData::$ends(RunType::$variant, end) => self.$end(run, end),
                    EventData::$fails(RunType::$variant, error) => self.$error(run, error),
                )*
                // Another payload than the run type has.
                _ => {}
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

    /// Called for every event. By default calls [`on_event`](Self::on_event) and returns `Ok`, or calls
    /// [`on_events`](Self::on_events) if that is overridden.
    ///
    /// Override it instead of `on_event` in a handler that can fail.
    ///
    /// # Errors
    ///
    /// An error detaches the handler from the run, and is reported as a [`Fault`](crate::Fault) with its message.
    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        let outcome = self.on_events(&[BatchEvent::new(run, event)]);
        BatchError::of_one(outcome).unwrap_or_else(|| {
            self.on_event(run, event);
            Ok(())
        })
    }

    /// Called with several events at once, of one or several runs, those of a run in order.
    ///
    /// For handlers that write: a batch can be one system call. By default, and for a handler that returns
    /// [`BatchError::one_by_one`], [`try_on_event`](Self::try_on_event) is called for each event instead. A handler that
    /// overrides this need not override another method: where it gets one event, that is a batch too. An inline handler
    /// always gets one. An [adaptor](super::HandlerExt) calls it without any event, to see whether the handler takes batches.
    ///
    /// A batch has the events that are there when a thread of the handler comes to them, at most 256, and at most 64 of one
    /// run. With [`Registration::linger`](crate::Registration::linger), they are more. A
    /// [deadline](crate::Registration::deadline) is that of a batch. All runs of a batch were called in the same runtime.
    ///
    /// ```
    /// use std::{fs::File, io::Write};
    /// use tower_llm_callbacks::{CallbackHandler, handler::{BatchError, BatchEvent}};
    ///
    /// struct Lines(File);
    ///
    /// impl CallbackHandler for Lines {
    ///     fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
    ///         let mut text = String::new();
    ///         for BatchEvent { run, event, .. } in batch {
    ///             text += &format!("{} {}\n", run.run_id(), event.kind());
    ///         }
    ///         Ok((&self.0).write_all(text.as_bytes())?)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// An error, or a panic, detaches the handler from every run that has an event in the batch, and is reported as a
    /// [`Fault`](crate::Fault) of each. A handler that knows how many events it has handled returns
    /// [`BatchError::after`]: it is detached from one run only, and gets the rest of the batch again.
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let _ = batch;
        Err(BatchError::one_by_one())
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
