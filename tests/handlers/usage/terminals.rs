//! Each end of a typed call, in each delivery mode.

use futures::{FutureExt, StreamExt};
use support::{PATIENCE, on_each_runtime, panic_of, read, request};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Abort, CallbackHandler, CallbackLayer, Callbacks, Delta, ErrorKind, LlmStart, ProviderError,
    Registration, Run, Token, Usage,
    handlers::{UsageCounts, UsageTotals},
    testing::{Script, ScriptedModel},
};

use super::{assert_adds_up, report, used};

/// How a call is ended from outside.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    ByItself,
    /// Dropped before the response.
    Unanswered,
    /// Dropped after this number of items.
    After(usize),
    AbortedAtStart,
    /// Aborted at the token with this index.
    AbortedAt(u64),
}

struct Aborts(Ends);

impl CallbackHandler for Aborts {
    fn on_llm_start(&self, run: &Run, _: &LlmStart) {
        if self.0 == Ends::AbortedAtStart {
            run.abort(Abort::new("enough"));
        }
    }

    fn on_llm_new_token(&self, run: &Run, token: &Token) {
        if self.0 == Ends::AbortedAt(token.index()) {
            run.abort(Abort::new("enough"));
        }
    }
}

fn deliveries(totals: &UsageTotals) -> [Registration; 4] {
    [
        Registration::inline(totals.clone()),
        Registration::blocking(totals.clone()),
        Registration::blocking(totals.clone()).lockstep(),
        Registration::blocking(totals.clone()).background(),
    ]
}

/// The totals after one such call.
async fn counted(
    handler: Registration,
    totals: &UsageTotals,
    script: Script,
    ends: Ends,
) -> UsageCounts {
    let callbacks = Callbacks::new().add(handler).inline(Aborts(ends));
    let mut model = CallbackLayer::new(callbacks.clone())
        .usage_estimator(support::pieces())
        .layer(ScriptedModel::new(script));
    let mut future = model.call(request());
    match ends {
        Ends::Unanswered => {
            assert!((&mut future).now_or_never().is_none());
            drop(future);
        }
        Ends::After(items) => {
            let mut answer = future.await.unwrap();
            for _ in 0..items {
                answer.next().await.unwrap().unwrap();
            }
        }
        _ => {
            let whole = async {
                if let Ok(answer) = future.await {
                    read(answer).await;
                }
            };
            // A panic of the model propagates to the poller.
            drop(std::panic::AssertUnwindSafe(whole).catch_unwind().await);
        }
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    assert_eq!(totals.open_runs(), 0);
    let total = totals.snapshot().total;
    assert_adds_up(&total);
    total
}

/// Makes a call in each delivery mode. `expected` is (reported, estimated, seen): the estimate of the output, which is the
/// number of pieces.
fn check(
    script: impl Fn() -> Script + Clone + Send + 'static,
    ends: Ends,
    error: Option<ErrorKind>,
    expected: (Option<Usage>, u64, u64),
) {
    on_each_runtime(move || {
        let (script, expected) = (script.clone(), expected.clone());
        async move {
            for delivery in 0..4 {
                let totals = UsageTotals::new();
                let handler = deliveries(&totals)[delivery].clone();
                let total = counted(handler, &totals, script(), ends).await;
                let estimated = total.estimated.output_tokens.unwrap_or(0);
                let got = (counts(&total.reported), estimated, total.seen_tokens);
                let (reported, estimated, seen) = expected.clone();
                let counts = counts(&reported.clone().unwrap_or_default());
                assert_eq!(got, (counts, estimated, seen), "{total:?}");
                assert_eq!(total.estimated_runs, u64::from(estimated > 0));
                assert_eq!(total.unreported_runs, u64::from(reported.is_none()));
                assert_eq!(total.runs, 1);
                assert_eq!(total.completed, u64::from(error.is_none()));
                let errors = total.errors;
                let by_kind = [
                    (ErrorKind::Provider, errors.provider),
                    (ErrorKind::Transport, errors.transport),
                    (ErrorKind::Truncated, errors.truncated),
                    (ErrorKind::Cancelled, errors.cancelled),
                    (ErrorKind::Aborted, errors.aborted),
                    (ErrorKind::Panic, errors.panic),
                ];
                for (kind, count) in by_kind {
                    assert_eq!(count, u64::from(error == Some(kind)), "{kind}");
                }
                assert!(total.cost.is_none());
            }
        }
    });
}

/// The beginning of an answer as sent by Anthropic: the input tokens, and one output token.
fn begun(tokens: usize) -> Script {
    let script = Script::new().respond().chunk(report(Usage::new(10, 1).cached(4, 2)));
    (0..tokens).fold(script, |script, _| script.text("a"))
}

/// A usage without how it is known.
fn counts(usage: &Usage) -> Usage {
    let mut counts = usage.clone();
    counts.source = Default::default();
    counts
}

/// What is reported of an answer that went on after its beginning.
fn input() -> Option<Usage> {
    Some(Usage::new(10, None).cached(4, 2))
}

fn beginning() -> Option<Usage> {
    Some(Usage::new(10, 1).cached(4, 2))
}

#[test]
fn completed() {
    check(|| used(7, 30), Ends::ByItself, None, (Some(Usage::new(7, 30)), 0, 1));
    // The provider's final report is used, even if more tokens were seen.
    let short = || begun(9).chunk(report(Usage::new(10, 5).reasoning(3))).complete("stop");
    check(short, Ends::ByItself, None, (Some(Usage::new(10, 5).cached(4, 2).reasoning(3)), 0, 9));
    // Dropped after the end mark.
    check(|| used(7, 30), Ends::After(4), None, (Some(Usage::new(7, 30)), 0, 1));
}

#[test]
fn completed_without_a_report() {
    check(|| Script::answer(["a", "b", "c"]), Ends::ByItself, None, (None, 3, 3));
    check(|| Script::answer([""; 0]), Ends::ByItself, None, (None, 0, 0));
}

#[test]
fn completed_unstreamed() {
    let whole = || Script::new().respond().chunk(Delta::NotStreamed).text("all of it");
    let reported = move || whole().chunk(report(Usage::new(3, 4))).complete("stop");
    check(reported, Ends::ByItself, None, (Some(Usage::new(3, 4)), 0, 0));
    // The answer has no usage report and no token events. Its text is some token.
    check(move || whole().complete("stop"), Ends::ByItself, None, (None, 1, 0));
}

#[test]
fn failed_by_the_provider() {
    let error = || ProviderError::new("Overloaded").status(529);
    let kind = Some(ErrorKind::Provider);
    check(
        move || Script::new().provider_error(error()).respond(),
        Ends::ByItself,
        kind,
        (None, 0, 0),
    );
    check(move || begun(4).provider_error(error()), Ends::ByItself, kind, (input(), 4, 4));
}

#[test]
fn failed_in_transport() {
    let kind = Some(ErrorKind::Transport);
    check(|| Script::new().fail("refused").respond(), Ends::ByItself, kind, (None, 0, 0));
    check(|| Script::new().respond().text("a").fail("reset"), Ends::ByItself, kind, (None, 1, 1));
    check(|| begun(4).fail("reset"), Ends::ByItself, kind, (input(), 4, 4));
}

#[test]
fn truncated() {
    check(|| begun(4), Ends::ByItself, Some(ErrorKind::Truncated), (input(), 4, 4));
    // The report has more tokens than were seen, and is used.
    let late = || begun(4).chunk(report(Usage::new(10, 20)));
    let expected = (Some(Usage::new(10, 20).cached(4, 2)), 0, 4);
    check(late, Ends::ByItself, Some(ErrorKind::Truncated), expected);
}

#[test]
fn cancelled() {
    let kind = Some(ErrorKind::Cancelled);
    check(|| Script::new().hang().respond(), Ends::Unanswered, kind, (None, 0, 0));
    check(|| begun(4).hang(), Ends::After(0), kind, (None, 0, 0));
    check(|| begun(4).hang(), Ends::After(1), kind, (beginning(), 0, 0));
    check(|| begun(4).hang(), Ends::After(2), kind, (beginning(), 0, 1));
    check(|| begun(4).hang(), Ends::After(4), kind, (input(), 3, 3));
}

#[test]
fn aborted() {
    let kind = Some(ErrorKind::Aborted);
    check(|| used(7, 30), Ends::AbortedAtStart, kind, (None, 0, 0));
    check(|| begun(9).complete("stop"), Ends::AbortedAt(3), kind, (input(), 4, 4));
    check(|| Script::answer(["a", "b", "c"]), Ends::AbortedAt(1), kind, (None, 2, 2));
}

#[test]
fn panicked() {
    support::quiet_panics();
    let kind = Some(ErrorKind::Panic);
    check(|| Script::new().panic().respond(), Ends::ByItself, kind, (None, 0, 0));
    check(|| begun(3).panic(), Ends::ByItself, kind, (input(), 3, 3));
    // Also a panic in `call`.
    let totals = UsageTotals::new();
    let model = tower::service_fn(|_: tower_llm_callbacks::chat::ChatRequest| {
        if true {
            panic!("scripted: the service panics");
        }
        futures::future::ready(Ok::<_, tower::BoxError>(futures::stream::empty::<
            Result<tower_llm_callbacks::chat::ChatChunk, tower::BoxError>,
        >()))
    });
    let mut model = super::layer(&totals).layer(model);
    drop(panic_of(|| drop(model.call(request()))));
    assert_eq!(totals.snapshot().total.errors.panic, 1);
}

#[test]
fn an_open_run_is_not_counted() {
    on_each_runtime(|| async {
        let totals = UsageTotals::new();
        let mut model = super::layer(&totals).layer(ScriptedModel::new(begun(2).hang()));
        let mut answer = model.call(request()).await.unwrap();
        answer.next().await.unwrap().unwrap();
        assert_eq!((totals.open_runs(), totals.take().total.runs), (1, 0));
        drop(answer);
        // The run was open when the totals were taken, so it is in the next ones.
        assert_eq!((totals.open_runs(), totals.snapshot().total.runs), (0, 1));
    });
}
