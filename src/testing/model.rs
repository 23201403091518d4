use std::{
    collections::VecDeque,
    future::Future,
    marker::PhantomData,
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
use crate::{chat::ChatRequest, sync::lock};

/// A model that does what a [`Script`] says: a service of [`ChatRequest`]s, or of any other type
/// ([`for_requests`](Self::for_requests)).
///
/// Clones share their counts and the list of scripts. Each call takes the next script; the last one
/// serves all further calls.
#[derive(Debug)]
pub struct ScriptedModel<Req = ChatRequest> {
    shared: Arc<Shared>,
    requests: PhantomData<fn(Req)>,
}

#[derive(Debug)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    calls: AtomicUsize,
    live: Arc<AtomicUsize>,
}

impl ScriptedModel {
    /// A model that does the same in each call.
    pub fn new(script: Script) -> Self {
        Self::for_requests(script)
    }
}

impl<Req> ScriptedModel<Req> {
    /// A model for requests of another type.
    pub fn for_requests(script: Script) -> Self {
        let shared = Shared {
            scripts: Mutex::new([script].into()),
            calls: AtomicUsize::new(0),
            live: Arc::default(),
        };
        Self { shared: Arc::new(shared), requests: PhantomData }
    }

    /// Adds what it does in the next call after those scripted so far.
    #[must_use]
    pub fn then(self, script: Script) -> Self {
        lock(&self.shared.scripts).push_back(script);
        self
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// How many of its calls are alive: futures and streams that are not dropped.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::SeqCst)
    }

    fn next_script(&self) -> Script {
        let mut scripts = lock(&self.shared.scripts);
        if scripts.len() > 1 {
            scripts.pop_front().unwrap_or_default()
        } else {
            scripts.front().cloned().unwrap_or_default()
        }
    }
}

impl<Req> Clone for ScriptedModel<Req> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), requests: PhantomData }
    }
}

impl<Req> Service<Req> for ScriptedModel<Req> {
    type Response = ScriptedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ScriptedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Req) -> Self::Future {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        let (before, stream) = self.next_script().split();
        let mut player = Player::new(before, Live::new(&self.shared.live));
        Box::pin(async move {
            while let Some(step) = poll_fn(|cx| player.poll(cx)).await {
                step?;
            }
            Ok(ScriptedStream::new(player.then(stream)))
        })
    }
}
