use std::{any::type_name, borrow::Cow, future::Future};

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
            fn $start(&self, run: &Run, start: &$input) -> impl Future<Output = ()> + Send {
                let _ = (run, start);
                async {}
            }

            #[doc = concat!("Called when a ", $noun, " completes.")]
            fn $end(&self, run: &Run, end: &$output) -> impl Future<Output = ()> + Send {
                let _ = (run, end);
                async {}
            }

            #[doc = concat!("Called when a ", $noun, " fails or is cancelled.")]
            fn $error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
                let _ = (run, error);
                async {}
            }
        )*

        /// Called for every event. By default calls the method for the event's kind.
        ///
        /// Override it to handle all events in one place. The other methods are then not called.
        fn on_event(&self, run: &Run, event: &Event) -> impl Future<Output = ()> + Send {
            async move {
            match event.data() {
                EventData::LlmStart(start) => self.on_llm_start(run, start).await,
                EventData::LlmNewToken(token) => self.on_llm_new_token(run, token).await,
                EventData::LlmEnd(result) => self.on_llm_end(run, result).await,
                EventData::LlmError(error) => self.on_llm_error(run, error).await,
                EventData::Retry(retry) => self.on_retry(run, retry).await,
                EventData::Custom(custom) => self.on_custom_event(run, custom).await,
                $(
                    EventData::$starts(RunType::$variant, start) => self.$start(run, start).await,
                    EventData::$ends(RunType::$variant, end) => self.$end(run, end).await,
                    EventData::$fails(RunType::$variant, error) => self.$error(run, error).await,
                )*
                // Another payload than the run type has.
                _ => {}
            }
            }
        }
    };
}

/// Asynchronous callbacks.
///
/// A handler is notified of the events of one run one after the other, and of different runs at the same time. Its
/// futures run in tasks of the runtime that the call was made in, or of
/// [`Callbacks::runtime`](crate::Callbacks::runtime). They must not block their thread: for that, see
/// [`CallbackHandler`](crate::CallbackHandler).
///
/// Every method does nothing by default. Implement those you need as `async fn`.
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
    note = "implement `AsyncCallbackHandler` for it or, if its methods are plain, implement `CallbackHandler` and add it with `.blocking(…)`",
    note = "for a closure, use a function such as `on_event_async`"
)]
pub trait AsyncCallbackHandler: Send + Sync + 'static {
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

    /// Called for every event. By default calls [`on_events`](Self::on_events) with it and, if the handler takes no
    /// batches, [`on_event`](Self::on_event).
    ///
    /// Override it instead of `on_event` in a handler that can fail.
    ///
    /// # Errors
    ///
    /// An error detaches the handler from the run, and is reported as a [`Fault`](crate::Fault) with its message.
    fn try_on_event(
        &self,
        run: &Run,
        event: &Event,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        async move {
            let outcome = self.on_events(&[BatchEvent::new(run, event)]).await;
            if let Some(outcome) = BatchError::of_one(outcome) {
                return outcome;
            }
            self.on_event(run, event).await;
            Ok(())
        }
    }

    /// Called with several events of one run at once, in order.
    ///
    /// For handlers that send or write: a batch can be one request. By default, and for a handler that returns
    /// [`BatchError::one_by_one`], [`try_on_event`](Self::try_on_event) is called for each event instead. A handler that
    /// overrides this need not override another method: where it gets one event, that is a batch too. A lockstep handler
    /// always gets one.
    ///
    /// A batch has the events of its run that are there when the handler's task comes to them, at most 64, so that a handler
    /// which waits in one run delays no other one. With [`Registration::linger`](crate::Registration::linger), they are
    /// more. A [deadline](crate::Registration::deadline) is that of a batch. A blocking handler gets events of
    /// [several runs](crate::CallbackHandler::on_events) in a batch.
    ///
    /// ```
    /// use tower_llm_callbacks::{AsyncCallbackHandler, handler::{BatchError, BatchEvent}};
    ///
    /// struct Post;
    ///
    /// async fn post(records: Vec<u8>) -> std::io::Result<()> {
    /// #   let _ = records;
    ///     Ok(())
    /// }
    ///
    /// impl AsyncCallbackHandler for Post {
    ///     async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
    ///         let mut records = Vec::new();
    ///         for BatchEvent { run, event, .. } in batch {
    ///             event.record(run).write_json(&mut records)?;
    ///             records.push(b'\n');
    ///         }
    ///         Ok(post(records).await?)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// An error, or a panic, detaches the handler from the run, and is reported as a [`Fault`](crate::Fault).
    fn on_events(
        &self,
        batch: &[BatchEvent<'_>],
    ) -> impl Future<Output = Result<(), BatchError>> + Send {
        let _ = batch;
        async { Err(BatchError::one_by_one()) }
    }

    /// Called when a model call starts, before the inner service is called.
    fn on_llm_start(&self, run: &Run, start: &LlmStart) -> impl Future<Output = ()> + Send {
        let _ = (run, start);
        async {}
    }

    /// Called for each piece of an answer that has content.
    fn on_llm_new_token(&self, run: &Run, token: &Token) -> impl Future<Output = ()> + Send {
        let _ = (run, token);
        async {}
    }

    /// Called when a model call completes. The last event of a run is this or
    /// [`on_llm_error`](Self::on_llm_error), once.
    fn on_llm_end(&self, run: &Run, result: &LlmResult) -> impl Future<Output = ()> + Send {
        let _ = (run, result);
        async {}
    }

    /// Called when a model call fails, is cancelled, truncated or aborted: see [`RunError::kind`].
    fn on_llm_error(&self, run: &Run, error: &RunError) -> impl Future<Output = ()> + Send {
        let _ = (run, error);
        async {}
    }

    /// Called when another attempt of a call starts.
    fn on_retry(&self, run: &Run, retry: &Retry) -> impl Future<Output = ()> + Send {
        let _ = (run, retry);
        async {}
    }

    /// Called for an event of the application.
    fn on_custom_event(&self, run: &Run, event: &CustomEvent) -> impl Future<Output = ()> + Send {
        let _ = (run, event);
        async {}
    }

    with_run_types!(run_methods);
}
