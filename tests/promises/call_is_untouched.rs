//! Promise 4, the call is untouched: the consumer sees the inner service's items and errors, and readiness is
//! used and never wasted.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, stream::FusedStream};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use support::schedule::{Gate, Mode, Stuck, request, until, within};
use tokio::sync::Semaphore;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, EventKind, LlmChunk,
    chat::ChatRequest,
    layer::{CallbackService, CallbackStream},
    testing::{Recorder, assert_promises},
};
use tower_test::mock;

/// The inner service's error.
#[derive(Debug, Clone, PartialEq)]
struct Broken(u8);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken {}", self.0)
    }
}

impl Error for Broken {}

/// A chunk of several texts, with or without the end mark after them.
#[derive(Debug, Clone, PartialEq)]
struct Chunk {
    texts: Vec<String>,
    done: bool,
}

/// A chunk of a protocol without an end mark.
#[derive(Debug, Clone, PartialEq)]
struct Unmarked(Chunk);

impl LlmChunk for Chunk {
    const HAS_END_MARK: bool = true;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        self.texts.iter().for_each(|text| each(Delta::text(text)));
        if self.done {
            each(Delta::Done);
        }
    }
}

impl LlmChunk for Unmarked {
    const HAS_END_MARK: bool = false;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.texts.iter().for_each(|text| each(Delta::text(text)));
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Op<C> {
    Item(Result<C, Broken>),
    Pending,
    /// Yields `None`, but more items follow: the stream must not be polled again.
    End,
}

/// A stream that plays a list of operations, with an exact `size_hint`.
#[derive(Debug, Clone)]
struct Ops<C>(VecDeque<Op<C>>);

impl<C> Ops<C> {
    fn left(&self) -> usize {
        let to_end = self.0.iter().take_while(|op| !matches!(op, Op::End));
        to_end.filter(|op| matches!(op, Op::Item(_))).count()
    }
}

impl<C: Unpin> Stream for Ops<C> {
    type Item = Result<C, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.pop_front() {
            Some(Op::Item(item)) => Poll::Ready(Some(item)),
            Some(Op::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Op::End) | None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

async fn wrapped<C: LlmChunk + Clone + Send + Unpin + 'static>(
    ops: &Ops<C>,
    callbacks: &Callbacks,
) -> CallbackStream<Ops<C>, C> {
    let ops = ops.clone();
    let inner = service_fn(move |_: ChatRequest| {
        let ops = ops.clone();
        async move { Ok::<_, Broken>(ops) }
    });
    CallbackLayer::new(callbacks.clone()).layer(inner).oneshot(request()).await.unwrap()
}

/// Reads a wrapped stream to its end, and checks its hints before and after each poll.
async fn read<C: LlmChunk + Clone + Send + Unpin + 'static>(
    ops: &Ops<C>,
    callbacks: &Callbacks,
) -> Vec<Result<C, Broken>> {
    let mut left = ops.left();
    let mut stream = task::spawn(wrapped(ops, callbacks).await);
    let mut items = Vec::new();
    loop {
        assert_eq!(stream.size_hint(), (left, Some(left)));
        match stream.poll_next() {
            Poll::Pending => {
                assert_eq!(stream.size_hint(), (left, Some(left)), "also while an item is held");
                assert!(!stream.is_terminated());
                until(|| stream.is_woken()).await;
            }
            Poll::Ready(None) => break,
            Poll::Ready(Some(item)) => {
                left -= 1;
                items.push(item.map_err(|error| *error.downcast::<Broken>().unwrap()));
            }
        }
    }
    for _ in 0..3 {
        assert!(stream.is_terminated());
        assert_eq!(stream.size_hint(), (0, Some(0)));
        assert!(assert_ready!(stream.poll_next()).is_none(), "the stream is fused");
    }
    items
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let texts = proptest::collection::vec("[a-c]{0,2}", 0..3);
    (texts, proptest::bool::weighted(0.1)).prop_map(|(texts, done)| Chunk { texts, done })
}

fn ops() -> impl Strategy<Value = Ops<Chunk>> {
    let op = prop_oneof![
        8 => chunk().prop_map(|chunk| Op::Item(Ok(chunk))),
        1 => any::<u8>().prop_map(|n| Op::Item(Err(Broken(n)))),
        3 => Just(Op::Pending),
        1 => Just(Op::End),
    ];
    proptest::collection::vec(op, 0..24).prop_map(|ops| Ops(ops.into()))
}

fn unmarked(ops: &Ops<Chunk>) -> Ops<Unmarked> {
    let op = |op: &Op<Chunk>| match op {
        Op::Item(item) => Op::Item(item.clone().map(Unmarked)),
        Op::Pending => Op::Pending,
        Op::End => Op::End,
    };
    Ops(ops.0.iter().map(op).collect())
}

fn bare<C: Clone>(ops: &Ops<C>) -> Vec<Result<C, Broken>> {
    let to_end = ops.0.iter().take_while(|op| !matches!(op, Op::End));
    let items = to_end.filter_map(|op| match op {
        Op::Item(item) => Some(item.clone()),
        _ => None,
    });
    items.collect()
}

#[test]
fn items_errors_and_hints_match_the_inner_stream() {
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new_with_rng(config, random);
    let test = |ops: Ops<Chunk>| {
        runtime.block_on(within(async {
            assert_eq!(read(&ops, &Callbacks::new()).await, bare(&ops));
            let mut all = Callbacks::new();
            for mode in Mode::ALL {
                let recorder = Recorder::new();
                let one = Callbacks::new().add(mode.handler(recorder.clone()).capacity(2));
                assert_eq!(read(&ops, &one).await, bare(&ops), "{mode:?}");
                assert_eq!(read(&unmarked(&ops), &one).await, bare(&unmarked(&ops)), "{mode:?}");
                support::schedule::flushed(&one).await;
                assert_promises(&recorder.events());
                all = all.add(mode.handler(Recorder::new()).capacity(1));
            }
            assert_eq!(read(&ops, &all).await, bare(&ops));
        }));
        Ok(())
    };
    runner.run(&ops(), test).unwrap();
}

#[tokio::test]
async fn polls_match_the_inner_stream_without_awaited_handlers() {
    let item = |text: &str| Op::Item(Ok(Chunk { texts: vec![text.into()], done: false }));
    let ops = Ops([item("a"), Op::Pending, Op::Pending, item("b"), Op::Pending].into());
    let stuck = Gate::new();
    let background = Mode::BACKGROUND.map(|mode| mode.handler(Stuck::always(&stuck)).capacity(1));
    let [first, second] = background;
    let callbacks = Callbacks::new().inline(Recorder::new()).add(first).add(second);
    let mut bare = task::spawn(ops.clone());
    let mut observed = task::spawn(wrapped(&ops, &callbacks).await);
    for _ in 0..6 {
        let observed =
            observed.poll_next().map(|item| item.map(|item| item.map_err(|e| e.to_string())));
        let bare = bare.poll_next().map(|item| item.map(|item| item.map_err(|e| e.to_string())));
        assert_eq!(observed, bare);
    }
}

#[tokio::test]
async fn an_unbounded_hint_stays_unbounded_while_an_item_is_held() {
    struct Endless;
    impl Stream for Endless {
        type Item = Result<Chunk, Broken>;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(Some(Ok(Chunk { texts: vec!["a".into()], done: false })))
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX, None)
        }
    }
    let gate = Gate::new();
    let callbacks =
        Callbacks::new().add(Mode::AWAITED[3].handler(Stuck::at(EventKind::LlmNewToken, &gate)));
    let inner = service_fn(|_: ChatRequest| async { Ok::<_, Broken>(Endless) });
    let model = CallbackLayer::new(callbacks).layer(inner);
    let mut stream = task::spawn(within(model.oneshot(request())).await.unwrap());
    assert_pending!(stream.poll_next());
    assert_eq!(stream.size_hint(), (usize::MAX, None));
}

#[tokio::test]
async fn the_futures_error_is_the_inner_error() {
    for mode in Mode::ALL {
        let inner = service_fn(|_: ChatRequest| async { Err::<Ops<Chunk>, _>(Broken(7)) });
        let model = CallbackLayer::new(Callbacks::new().add(mode.handler(Recorder::new())));
        let error = within(model.layer(inner).oneshot(request())).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Broken(7)), "{mode:?}");
    }
}

type Answer = Ops<Chunk>;
type Mocked = mock::Spawn<CallbackService<mock::Mock<ChatRequest, Answer>>>;

fn mocked(callbacks: &Callbacks) -> (Mocked, mock::Handle<ChatRequest, Answer>) {
    let layer = CallbackLayer::new(callbacks.clone());
    mock::spawn_with(|inner| layer.layer(inner))
}

#[tokio::test]
async fn poll_ready_reaches_the_inner_service() {
    let (mut model, mut handle) = mocked(&Callbacks::new().blocking(Recorder::new()));
    handle.allow(0);
    assert_pending!(model.poll_ready());
    handle.allow(1);
    assert_ready_ok!(model.poll_ready());
    handle.send_error(Broken(3));
    let (mut model, mut handle) = mocked(&Callbacks::new().blocking(Recorder::new()));
    handle.send_error(Broken(3));
    let error: BoxError = assert_ready_err!(model.poll_ready());
    let mut source: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(cause) = source {
        if cause.is::<Broken>() {
            return;
        }
        source = cause.source();
    }
    panic!("the service's own error is lost: {error}");
}

#[tokio::test]
async fn the_ready_service_is_the_one_called() {
    // The mock panics if a clone that was not ready is called.
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let (mut model, mut handle) = mocked(&Callbacks::new().add(mode.handler(recorder)));
        handle.allow(0);
        for _ in 0..3 {
            assert_pending!(model.poll_ready(), "each readiness serves one call");
            handle.allow(1);
            assert_ready_ok!(model.poll_ready());
            let call = tokio::spawn(model.call(request()));
            let (_, respond) = within(handle.next_request()).await.unwrap();
            respond.send_response(Ops([].into()));
            drop(within(call).await.unwrap().unwrap());
        }
    }
}

#[tokio::test]
async fn no_permit_is_lost() {
    for mode in Mode::ALL {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmStart, &gate);
        if mode == Mode::Inline {
            gate.open();
        }
        let permits = Arc::new(Semaphore::new(1));
        let inner = service_fn(|_: ChatRequest| async { Ok::<Answer, Broken>(Ops([].into())) });
        let inner = ConcurrencyLimit::with_semaphore(inner, permits.clone());
        let callbacks = Callbacks::new().add(mode.handler(stuck));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);

        let mut call = task::spawn(model.ready().await.unwrap().call(request()));
        assert_eq!(permits.available_permits(), 0, "{mode:?}: held since `poll_ready`");
        if Mode::AWAITED.contains(&mode) {
            // Dropped in the start phase.
            assert_pending!(call.poll());
            let mut clone = model.clone();
            let mut next = task::spawn(clone.ready());
            assert_pending!(next.poll());
            drop(call);
            assert!(next.is_woken(), "{mode:?}");
            assert!(assert_ready!(next.poll()).is_ok());
            drop(next);
            drop(clone);
        } else {
            drop(call);
        }
        assert_eq!(permits.available_permits(), 1, "{mode:?}");

        gate.open();
        for _ in 0..5 {
            let answer = within(async { model.ready().await.unwrap().call(request()).await }).await;
            assert_eq!(permits.available_permits(), 1, "{mode:?}");
            assert!(within(answer.unwrap().next()).await.is_none());
        }
        support::schedule::flushed(&callbacks).await;
    }
}
