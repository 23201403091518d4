use std::{
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use tokio::sync::Semaphore;
use tower::{BoxError, Service, ServiceExt};
use tower_llm_callbacks::{
    Event, EventKind, Registration, Run,
    chat::{ChatChunk, ChatRequest},
    on_event, on_event_async,
};

use crate::{Answer, Model};

pub fn request() -> ChatRequest {
    ChatRequest::new("any").user("Hi")
}

pub async fn call(model: &mut Model) -> Result<Answer, BoxError> {
    model.ready().await?.call(request()).await
}

/// Reads a stream to its end. Returns the chunks and the error that ended it.
pub async fn read<S>(stream: S) -> (Vec<ChatChunk>, Option<BoxError>)
where
    S: futures::Stream<Item = Result<ChatChunk, BoxError>>,
{
    let mut stream = std::pin::pin!(stream);
    let mut chunks = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(chunk) => chunks.push(chunk),
            Err(error) => return (chunks, Some(error)),
        }
    }
    (chunks, None)
}

/// Holds up a call: an awaited handler that waits in one kind of event until the gate opens.
#[derive(Clone)]
pub struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { entered: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    pub fn at(&self, kind: EventKind) -> Registration {
        let gate = self.clone();
        Registration::async_handler(on_event_async(move |_run, event| {
            let gate = gate.clone();
            async move {
                if event.kind() == kind {
                    gate.entered.add_permits(1);
                    gate.open.acquire().await.unwrap().forget();
                }
            }
        }))
    }

    pub async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

/// Returns a handler that collects the runs it is notified of.
pub fn runs() -> (Registration, Arc<Mutex<Vec<Run>>>) {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&runs);
    let handler = on_event(move |run: &Run, event: &Event| {
        if event.kind().is_start() {
            seen.lock().unwrap().push(run.clone());
        }
    });
    (Registration::inline(handler), runs)
}

/// Waits until a condition holds. The caller bounds the time.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits on a thread until a condition holds.
#[track_caller]
pub fn until_blocking(mut condition: impl FnMut() -> bool) {
    let waited = AtomicUsize::new(0);
    while !condition() {
        assert!(waited.fetch_add(1, Ordering::Relaxed) < 20_000, "the condition never holds");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the payload of the panic that a closure ends in.
pub fn panic_of<T>(f: impl FnOnce() -> T) -> Box<dyn std::any::Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("the closure does not panic"),
        Err(payload) => payload,
    }
}

/// Hides the panics that a test scripts.
pub fn quiet_panics() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>();
            if !text.is_some_and(|text| text.starts_with("scripted")) {
                loud(info);
            }
        }));
    });
}
