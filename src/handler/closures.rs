//! Closures as handlers. Functions, since a blanket impl for closures would clash with `Box<H>`.

use std::{fmt, future::Future};

use super::{AsyncCallbackHandler, CallbackHandler, EventMask};
use crate::{
    event::{Event, EventData, LlmResult, LlmStart, RunError, Token},
    run::Run,
};

/// A handler made of a closure, by a function such as [`on_token`].
pub struct FnHandler<F> {
    interests: EventMask,
    f: F,
}

/// An async handler made of a closure, by [`on_event_async`].
pub struct AsyncFnHandler<F>(F);

impl<F> fmt::Debug for FnHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnHandler").field("interests", &self.interests).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for AsyncFnHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFnHandler").finish_non_exhaustive()
    }
}

impl<F: Fn(&Run, &Event) + Send + Sync + 'static> CallbackHandler for FnHandler<F> {
    fn interests(&self) -> EventMask {
        self.interests
    }

    fn on_event(&self, run: &Run, event: &Event) {
        (self.f)(run, event);
    }
}

impl<F, Fut> AsyncCallbackHandler for AsyncFnHandler<F>
where
    F: Fn(Run, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn on_event(&self, run: &Run, event: &Event) -> impl Future<Output = ()> + Send {
        (self.0)(run.clone(), event.clone())
    }
}

/// A handler of all events.
pub fn on_event(
    f: impl Fn(&Run, &Event) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    FnHandler { interests: EventMask::ALL, f }
}

/// An async handler of all events. The closure gets a run and an event of its own (cheap clones), so
/// that its future may keep them.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_event_async};
///
/// let callbacks = Callbacks::new().async_handler(on_event_async(|run, event| async move {
///     println!("{}: {}", run.run_id(), event.kind());
/// }));
/// # assert_eq!(callbacks.len(), 1);
/// ```
pub fn on_event_async<F, Fut>(f: F) -> AsyncFnHandler<F>
where
    F: Fn(Run, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    AsyncFnHandler(f)
}

/// A handler of the starts of model calls.
pub fn on_llm_start(
    f: impl Fn(&Run, &LlmStart) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmStart(start) = event.data() {
            f(run, start);
        }
    };
    FnHandler { interests: EventMask::LLM_START, f }
}

/// A handler of tokens.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_llm_new_token};
///
/// let callbacks = Callbacks::new().blocking(on_llm_new_token(|_run, token| print!("{}", token.text())));
/// # assert_eq!(callbacks.len(), 1);
/// ```
pub fn on_llm_new_token(
    f: impl Fn(&Run, &Token) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmNewToken(token) = event.data() {
            f(run, token);
        }
    };
    FnHandler { interests: EventMask::LLM_NEW_TOKEN, f }
}

/// A handler of model calls that completed.
pub fn on_llm_end(
    f: impl Fn(&Run, &LlmResult) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmEnd(result) = event.data() {
            f(run, result);
        }
    };
    FnHandler { interests: EventMask::LLM_END, f }
}

/// A handler of model calls that failed, were cancelled, truncated or aborted.
pub fn on_llm_error(
    f: impl Fn(&Run, &RunError) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| {
        if let EventData::LlmError(error) = event.data() {
            f(run, error);
        }
    };
    FnHandler { interests: EventMask::LLM_ERROR, f }
}

/// A handler of the results of model calls, however they ended: completed ones with `None`, others
/// with the error.
pub fn on_llm_result(
    f: impl Fn(&Run, &LlmResult, Option<&RunError>) + Send + Sync + 'static,
) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let f = move |run: &Run, event: &Event| match event.data() {
        EventData::LlmEnd(result) => f(run, result, None),
        EventData::LlmError(error) => f(run, error.result(), Some(error)),
        _ => {}
    };
    FnHandler { interests: EventMask::LLM_END | EventMask::LLM_ERROR, f }
}
