use std::{
    collections::VecDeque,
    fmt,
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
use crate::{chat::ChatRequest, sync::lock};

/// A model that plays [`Script`]s: a service for [`ChatRequest`]s, or for any other type
/// ([`for_requests`](Self::for_requests)).
///
/// Each call takes the next script; all further calls take the last one. Clones share the scripts and the counts.
///
/// ```
/// use tower_llm_callbacks::{ProviderError, testing::{Script, ScriptedModel}};
///
/// let always_answers = ScriptedModel::new(Script::answer(["Hel", "lo"]));
/// let overloaded = ProviderError::new("Overloaded").status(529);
/// let fails_once = ScriptedModel::new([Script::refusal(overloaded), Script::answer(["Hi"])]);
/// # let _ = (always_answers, fails_once);
/// ```
pub struct ScriptedModel<Req = ChatRequest> {
    state: Arc<ModelState>,
    expect: Option<Expectation<Req>>,
}

type Expectation<Req> = Arc<dyn Fn(usize, &Req) + Send + Sync>;

#[derive(Debug)]
struct ModelState {
    scripts: Mutex<VecDeque<Script>>,
    calls: AtomicUsize,
    live: Arc<AtomicUsize>,
}

impl ScriptedModel {
    /// Creates a model that plays one script, or the scripts of an array or vector one after the other.
    pub fn new(scripts: impl Into<Vec<Script>>) -> Self {
        Self::for_requests(scripts)
    }
}

impl<Req> ScriptedModel<Req> {
    /// Creates a model for requests of another type.
    pub fn for_requests(scripts: impl Into<Vec<Script>>) -> Self {
        let state = ModelState {
            scripts: Mutex::new(scripts.into().into()),
            calls: AtomicUsize::new(0),
            live: Arc::default(),
        };
        Self { state: Arc::new(state), expect: None }
    }

    /// Looks at each request, with the number of the call from 0. A failed assertion panics in the call.
    ///
    /// ```
    /// use tower_llm_callbacks::{chat::{ChatRequest, Role}, testing::{Script, ScriptedModel}};
    ///
    /// let call = Script::new().respond().tool_call("call_1", "get_weather", "{}").complete("tool_calls");
    /// let model = ScriptedModel::new([call, Script::answer(["18°"])]);
    /// let model = model.expect(|call, request: &ChatRequest| match call {
    ///     0 => assert_eq!(request.messages.len(), 1),
    ///     _ => assert_eq!(request.messages.last().unwrap().role, Role::Tool),
    /// });
    /// # let _ = model;
    /// ```
    #[must_use]
    pub fn expect(mut self, check: impl Fn(usize, &Req) + Send + Sync + 'static) -> Self {
        self.expect = Some(Arc::new(check));
        self
    }

    /// Returns how often the model was called.
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// Returns how many calls are alive: futures and streams that have not been dropped.
    pub fn live(&self) -> usize {
        self.state.live.load(Ordering::SeqCst)
    }

    fn next_script(&self) -> Script {
        next_script(&self.state.scripts)
    }
}

impl<Req> Clone for ScriptedModel<Req> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), expect: self.expect.clone() }
    }
}

impl<Req> fmt::Debug for ScriptedModel<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<Req> Service<Req> for ScriptedModel<Req> {
    type Response = ScriptedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ScriptedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let number = self.state.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(expect) = &self.expect {
            expect(number, &request);
        }
        let (before, stream) = self.next_script().split();
        let mut player = Player::new(before, Live::new(&self.state.live));
        Box::pin(async move {
            while let Some(step) = poll_fn(|cx| player.poll(cx)).await {
                step?;
            }
            Ok(ScriptedStream::new(player.then(stream)))
        })
    }
}

/// Takes the next script. All further calls get the last one.
pub(super) fn next_script(scripts: &Mutex<VecDeque<Script>>) -> Script {
    let mut scripts = lock(scripts);
    if scripts.len() > 1 {
        scripts.pop_front().unwrap_or_default()
    } else {
        scripts.front().cloned().unwrap_or_default()
    }
}
