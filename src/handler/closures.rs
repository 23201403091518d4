//! Closures as handlers. Functions make them, because a blanket impl for closures would clash with `Box<H>`.

use std::{borrow::Cow, fmt, future::Future, panic::Location};

use tower::BoxError;

use super::{AsyncCallbackHandler, CallbackHandler, EventMask};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, RunError, Token},
    run::Run,
};

/// A handler that calls a closure. Created by functions such as [`on_llm_new_token`].
pub struct FnHandler<F> {
    event_mask: EventMask,
    created: &'static Location<'static>,
    f: F,
}

/// A handler that calls a closure that can fail. Created by [`try_on_event`].
pub struct TryFnHandler<F> {
    created: &'static Location<'static>,
    f: F,
}

/// An async handler that calls a closure. Created by [`on_event_async`].
pub struct AsyncFnHandler<F> {
    created: &'static Location<'static>,
    f: F,
}

impl<F> FnHandler<F> {
    #[track_caller]
    fn new(event_mask: EventMask, f: F) -> Self {
        Self { event_mask, created: Location::caller(), f }
    }
}

/// The name of a closure in faults: the place where its handler was created.
fn name(created: &Location<'_>) -> Cow<'static, str> {
    format!("closure at {}:{}", created.file(), created.line()).into()
}

impl<F: Fn(&Run, &Event) + Send + Sync + 'static> CallbackHandler for FnHandler<F> {
    fn event_mask(&self) -> EventMask {
        self.event_mask
    }

    fn name(&self) -> Cow<'static, str> {
        name(self.created)
    }

    fn on_event(&self, run: &Run, event: &Event) {
        (self.f)(run, event);
    }
}

impl<F> CallbackHandler for TryFnHandler<F>
where
    F: Fn(&Run, &Event) -> Result<(), BoxError> + Send + Sync + 'static,
{
    fn name(&self) -> Cow<'static, str> {
        name(self.created)
    }

    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        (self.f)(run, event)
    }
}

impl<F, Fut> AsyncCallbackHandler for AsyncFnHandler<F>
where
    F: Fn(Run, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn name(&self) -> Cow<'static, str> {
        name(self.created)
    }

    fn on_event(&self, run: &Run, event: &Event) -> impl Future<Output = ()> + Send {
        (self.f)(run.clone(), event.clone())
    }
}

/// Creates a handler of all events.
#[track_caller]
pub fn on_event(
    f: impl Fn(&Run, &Event) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    FnHandler::new(EventMask::ALL, f)
}

/// Creates a handler of all events that can fail: see
/// [`try_on_event`](CallbackHandler::try_on_event).
///
/// ```
/// use std::{fs::File, io::Write};
/// use tower_llm_callbacks::{Callbacks, handler::try_on_event};
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = std::env::temp_dir();
/// let file = File::create(directory.join("events.txt"))?;
/// let callbacks = Callbacks::new().blocking(try_on_event(move |run, event| {
///     writeln!(&file, "{} {}", run.run_id(), event.kind())?;
///     Ok(())
/// }));
/// # Ok(()) }
/// ```
#[track_caller]
pub fn try_on_event(
    f: impl Fn(&Run, &Event) -> Result<(), BoxError> + Send + Sync + 'static,
) -> TryFnHandler<impl Fn(&Run, &Event) -> Result<(), BoxError> + Send + Sync + 'static> {
    TryFnHandler { created: Location::caller(), f }
}

/// Creates an async handler of all events.
///
/// The closure gets a run and an event of its own (cheap clones), which its future may keep.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_event_async};
///
/// let callbacks = Callbacks::new().async_handler(on_event_async(|run, event| async move {
///     println!("{}: {}", run.run_id(), event.kind());
/// }));
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[track_caller]
pub fn on_event_async<F, Fut>(f: F) -> AsyncFnHandler<F>
where
    F: Fn(Run, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    AsyncFnHandler { created: Location::caller(), f }
}

/// Creates a handler of the starts of model calls.
#[track_caller]
pub fn on_llm_start(
    f: impl Fn(&Run, &LlmStart) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmStart(start) = event.data() {
            f(run, start);
        }
    };
    FnHandler::new(EventMask::LLM_START, f)
}

/// Creates a handler of tokens.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_llm_new_token};
///
/// let print = on_llm_new_token(|_run, token| print!("{}", token.text()));
/// let callbacks = Callbacks::new().blocking(print);
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[track_caller]
pub fn on_llm_new_token(
    f: impl Fn(&Run, &Token) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmNewToken(token) = event.data() {
            f(run, token);
        }
    };
    FnHandler::new(EventMask::LLM_NEW_TOKEN, f)
}

/// Creates a handler of model calls that completed.
#[track_caller]
pub fn on_llm_end(
    f: impl Fn(&Run, &LlmResult) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmEnd(result) = event.data() {
            f(run, result);
        }
    };
    FnHandler::new(EventMask::LLM_END, f)
}

/// Creates a handler of model calls that failed, or were cancelled, truncated or aborted.
#[track_caller]
pub fn on_llm_error(
    f: impl Fn(&Run, &RunError) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmError(error) = event.data() {
            f(run, error);
        }
    };
    FnHandler::new(EventMask::LLM_ERROR, f)
}

/// Creates a handler of the results of model calls, however they ended.
///
/// The closure gets the error too, if the call did not complete.
#[track_caller]
pub fn on_llm_result(
    f: impl Fn(&Run, &LlmResult, Option<&RunError>) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| match event.data() {
        EventData::LlmEnd(result) => f(run, result, None),
        EventData::LlmError(error) => {
            if let Some(result) = error.result() {
                f(run, result, Some(error));
            }
        }
        _ => {}
    };
    FnHandler::new(EventMask::LLM_END | EventMask::LLM_ERROR, f)
}

impl<F> fmt::Debug for FnHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnHandler")
            .field("event_mask", &self.event_mask)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for TryFnHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryFnHandler").field("created", &self.created).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for AsyncFnHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFnHandler").field("created", &self.created).finish_non_exhaustive()
    }
}
