use std::{sync::Arc, time::Duration};

use tower_llm_callbacks::{
    CallbackHandler, Callbacks, EventKind, HandlerExt, Registration, RunConfig,
    chat::ChatRequest,
    handler::Sampling,
    handlers::UsageTotals,
    testing::{Recorder, Script, assert_promises},
};

use super::{Mode, play, play_with};

/// A sample of 1 % has every error, and the totals are exact.
#[tokio::test]
async fn a_sample_keeps_all_errors_and_no_total_is_sampled() {
    let (recorder, totals) = (Recorder::new(), UsageTotals::new());
    let sampled = Arc::new(recorder.clone().sample(Sampling::share(0.01).keep_errors()));
    let callbacks = Callbacks::new().inline(Arc::clone(&sampled)).inline(totals.clone());
    let (mut errors, runs) = (0, 3_000_u64);
    for nth in 0..runs {
        let script = Script::new().respond().text("a").text("b");
        let fails = nth % 25 == 7;
        errors += usize::from(fails);
        play(&callbacks, if fails { script.fail("reset") } else { script.complete("stop") }).await;
    }
    let events = recorder.events();
    assert_promises(&events);
    let kinds = recorder.kinds();
    let of = |kind| kinds.iter().filter(|it| **it == kind).count();
    assert_eq!(of(EventKind::LlmError), errors);
    let kept = of(EventKind::LlmEnd);
    assert!((5..=80).contains(&kept), "{kept}");
    // Every run has all its tokens.
    assert_eq!(of(EventKind::LlmNewToken), 2 * (errors + kept));
    let stats = sampled.adapter().stats();
    assert_eq!((stats.runs, stats.kept_runs), (runs, (errors + kept) as u64));
    assert_eq!(totals.snapshot().total.runs, runs);
}

#[tokio::test]
async fn trees_are_sampled_as_a_whole_and_alike() {
    let (one, other) = (Recorder::new(), Recorder::new());
    let callbacks = Callbacks::new()
        .inline(one.clone().sample(Sampling::share(0.5)))
        .async_handler(other.clone().sample(Sampling::share(0.5)));
    for _ in 0..200 {
        let chain = tower_llm_callbacks::RunLayer::chain("agent").inheritable_callbacks(&callbacks);
        let run = chain.run(async {
            play(&Callbacks::new(), Script::answer(["a"])).await;
            Ok::<_, tower::BoxError>("y")
        });
        run.await.unwrap();
    }
    assert!(callbacks.flush(support::PATIENCE).await.is_complete());
    let trees = |recorder: &Recorder| {
        let mut roots: Vec<_> = recorder.events().iter().map(|it| it.root_run_id).collect();
        roots.sort();
        roots.dedup();
        roots
    };
    assert_eq!(trees(&one), trees(&other));
    let kept = trees(&one).len();
    assert!((60..140).contains(&kept), "{kept}");
    assert_eq!(one.run_ids().len(), 2 * kept, "a tree is whole");
}

#[tokio::test]
async fn a_share_depends_on_the_tenant() {
    let recorder = Recorder::new();
    let sampling = Sampling::share(0.0).share_of("tenant", "acme", 1.0).share_of("plan", "3", 1.0);
    let callbacks = Callbacks::new().inline(recorder.clone().sample(sampling));
    let configs =
        [("tenant", serde_json::json!("acme")), ("tenant", "other".into()), ("plan", 3.into())];
    for (key, value) in configs {
        let config = RunConfig::new().metadata(key, value);
        play_with(&callbacks, Script::answer(["a"]), ChatRequest::new("m").user("x"), config).await;
    }
    assert_eq!(recorder.run_ids().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn slow_runs_are_kept() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let sampling = Sampling::share(0.0).keep_slower_than(Duration::from_secs(5));
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone().sample(sampling)));
        for seconds in [1, 9] {
            let pause = Duration::from_secs(seconds);
            play(
                &callbacks,
                Script::new().respond().text("a").pause(pause).text("b").complete("stop"),
            )
            .await;
        }
        assert_promises(&recorder.events());
        assert_eq!((recorder.run_ids().len(), recorder.events().len()), (1, 4), "{mode:?}");
    }
}

/// Beyond the bound tokens are dropped and counted; starts and ends are not.
#[tokio::test]
async fn what_waits_for_the_end_is_bounded() {
    let recorder = Recorder::new();
    let sampling = Sampling::share(0.0).keep_errors().buffer(3, 1_000);
    let callbacks = Callbacks::new().inline(recorder.clone().sample(sampling));
    let script = (0..10).fold(Script::new().respond(), |script, _| script.text("a"));
    play(&callbacks, script.fail("reset")).await;
    assert_eq!(recorder.kinds().len(), 4);
    let result = recorder.terminals()[0].result().unwrap().clone();
    assert_eq!((result.tokens, result.dropped_tokens, result.text()), (10, 8, "aaaaaaaaaa"));
}

/// A handler of ends only gets the ends that are kept.
#[tokio::test]
async fn a_handler_of_ends_is_sampled() {
    let recorder = Recorder::new();
    let ends = tower_llm_callbacks::on_llm_error({
        let recorder = recorder.clone();
        move |run, error| {
            let _ = error;
            recorder.on_custom_event(
                run,
                &serde_json::from_value(serde_json::json!({"name": "x", "value": 1})).unwrap(),
            );
        }
    });
    let registration = Registration::inline(ends.sample(Sampling::share(0.0).keep_errors()));
    let callbacks = Callbacks::new().add(registration);
    play(&callbacks, Script::answer(["a"])).await;
    play(&callbacks, Script::new().respond().text("a").fail("reset")).await;
    assert_eq!(callbacks.stats()[0].faults, 0);
}
