//! Handlers that linger: what gathers, for how long, what cuts it short, and that nothing else changes.

mod cut_short;
mod same_events;
mod shutdown;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use support::{
    Mode, request,
    schedule::{flushed, wrap},
};
use tokio::{
    runtime::Builder,
    task::AbortHandle,
    time::{Instant, sleep},
};
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Callbacks, Delivery, Event, EventKind, Run,
    chat::ChatRequest, testing::Script,
};

/// The modes in which a handler can linger.
const LINGERING: [Mode; 4] = [
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Background),
    Mode::Async(Delivery::Pipelined),
    Mode::Async(Delivery::Background),
];

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(3600);

const MS: Duration = Duration::from_millis(1);

/// Records when it gets tokens, by the clock of the runtime.
#[derive(Clone, Default)]
struct Clocked(Arc<Mutex<Vec<Instant>>>);

impl Clocked {
    fn see(&self, event: &Event) {
        if event.kind() == EventKind::LlmNewToken {
            self.0.lock().unwrap().push(Instant::now());
        }
    }
}

impl CallbackHandler for Clocked {
    fn on_event(&self, _run: &Run, event: &Event) {
        self.see(event);
    }
}

impl AsyncCallbackHandler for Clocked {
    async fn on_event(&self, _run: &Run, event: &Event) {
        self.see(event);
    }
}

/// Calls a service in a task that reads the answer and keeps it.
fn read_in_task<S, St>(service: &S) -> (AbortHandle, Arc<Mutex<Vec<Instant>>>)
where
    S: Service<ChatRequest, Response = St> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
    St: futures::Stream + Send + 'static,
{
    let (service, items) = (service.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&items);
    let task = tokio::spawn(async move {
        let mut answer = Box::pin(service.oneshot(request()).await.unwrap());
        while answer.next().await.is_some() {
            seen.lock().unwrap().push(Instant::now());
        }
    });
    (task.abort_handle(), items)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_late_by_no_more_than_the_linger() {
    for mode in LINGERING {
        for linger in [0, 5, 50].map(Duration::from_millis) {
            let clocked = Clocked::default();
            let handler = mode.handler(clocked.clone()).linger(linger);
            let callbacks = Callbacks::new().add(handler);
            let pauses = [200, 1, 1, 200, 30, 30, 7].map(Duration::from_millis);
            let script = pauses
                .iter()
                .fold(Script::new().respond(), |script, pause| script.pause(*pause).text("a"));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            sleep(Duration::from_secs(1)).await;
            let (emitted, handled) =
                (items.lock().unwrap().clone(), clocked.0.lock().unwrap().clone());
            assert_eq!((emitted.len(), handled.len()), (7, 7), "{mode:?} {linger:?}");
            let late: Vec<_> = emitted.iter().zip(&handled).map(|(from, to)| *to - *from).collect();
            assert!(late.iter().all(|late| *late <= linger), "{mode:?} {linger:?}: {late:?}");
            let gathers = late.iter().any(|late| !late.is_zero());
            assert_eq!(gathers, !linger.is_zero(), "{mode:?} {linger:?}: {late:?}");
            task.abort();
            flushed(&callbacks).await;
        }
    }
}

#[test]
fn a_background_handler_lingers_by_default() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for (mode, lingers) in LINGERING.into_iter().zip([false, true, false, false]) {
            let clocked = Clocked::default();
            let callbacks = Callbacks::new().add(mode.handler(clocked.clone()));
            let script =
                (0..4).fold(Script::new().respond(), |script, _| script.text("a").pause(MS));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            sleep(Duration::from_secs(1)).await;
            let last = *items.lock().unwrap().last().unwrap();
            let handled = *clocked.0.lock().unwrap().last().unwrap();
            let late = handled - last;
            assert_eq!(!late.is_zero(), lingers, "{mode:?} {late:?}");
            assert!(late <= 10 * MS, "{mode:?} {late:?}");
            task.abort();
            flushed(&callbacks).await;
        }
    });
}
