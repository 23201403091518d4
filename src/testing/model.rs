use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::future::poll_fn;
use tower::{BoxError, Service};

use super::{
    Script,
    stream::{Live, Player, ScriptedStream},
};
use crate::sync::lock;

/// A model that does what a [`Script`] says: a service for any type of request.
///
/// Clones share their counts and the list of scripts. Each call takes the next script; the last one
/// serves all further calls.
#[derive(Debug, Clone)]
pub struct ScriptedModel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    calls: AtomicUsize,
    live: Arc<AtomicUsize>,
}

impl ScriptedModel {
    /// A model that does the same in each call.
    pub fn new(script: Script) -> Self {
        Self(Arc::new(Shared {
            scripts: Mutex::new([script].into()),
            calls: AtomicUsize::new(0),
            live: Arc::default(),
        }))
    }

    /// Adds what it does in the next call after those scripted so far.
    #[must_use]
    pub fn then(self, script: Script) -> Self {
        lock(&self.0.scripts).push_back(script);
        self
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// How many of its calls are alive: futures and streams that are not dropped.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }

    fn next_script(&self) -> Script {
        let mut scripts = lock(&self.0.scripts);
        if scripts.len() > 1 {
            scripts.pop_front().unwrap_or_default()
        } else {
            scripts.front().cloned().unwrap_or_default()
        }
    }
}

impl<Req> Service<Req> for ScriptedModel {
    type Response = ScriptedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ScriptedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Req) -> Self::Future {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let (before, stream) = self.next_script().split();
        let mut player = Player::new(before, Live::new(&self.0.live));
        Box::pin(async move {
            while let Some(step) = poll_fn(|cx| player.poll(cx)).await {
                step?;
            }
            Ok(ScriptedStream::new(player.then(stream)))
        })
    }
}
