//! Time windows.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::advance;
use tower_llm_callbacks::handlers::{UsageSnapshot, UsageTotals};

use super::{answer_of, layer, run, used};

const HOUR: Duration = Duration::from_secs(3600);

/// The start of each window in hours after the first, and its number of runs.
fn hours(snapshot: &UsageSnapshot) -> Vec<(u64, u64)> {
    let first = snapshot.since;
    let windows = snapshot.windows.iter();
    windows
        .map(|window| {
            // The totals were created shortly before the first run.
            let since = window.start + Duration::from_secs(60);
            (since.duration_since(first).unwrap().as_secs() / 3600, window.total.runs)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_after_the_other() {
    let totals = UsageTotals::builder().by_model().window(HOUR).keep_windows(3).build();
    let layer = layer(&totals);
    assert!(totals.snapshot().windows.is_empty());
    run(&layer, answer_of("a", 1, 1)).await;
    advance(HOUR - Duration::from_millis(1)).await;
    run(&layer, answer_of("a", 1, 2)).await;
    assert_eq!(hours(&totals.snapshot()), [(0, 2)]);
    advance(Duration::from_millis(1)).await;
    run(&layer, answer_of("b", 1, 3)).await;
    let snapshot = totals.snapshot();
    assert_eq!(hours(&snapshot), [(0, 2), (1, 1)]);
    assert_eq!(snapshot.windows[0].length, HOUR);
    assert_eq!(snapshot.windows[1].start, snapshot.windows[0].start + HOUR);
    let a = snapshot.windows[0].group(&[("model", "a")]).unwrap();
    assert_eq!(a.counts.reported.output_tokens, Some(3));
    assert!(snapshot.windows[0].group(&[("model", "b")]).is_none());
    // Windows without runs are not listed, but count towards the bound.
    advance(HOUR * 2).await;
    run(&layer, used(1, 1)).await;
    assert_eq!(hours(&totals.snapshot()), [(1, 1), (3, 1)]);
    advance(HOUR).await;
    assert_eq!(hours(&totals.snapshot()), [(3, 1)]);
    advance(HOUR * 100).await;
    let snapshot = totals.snapshot();
    assert!(snapshot.windows.is_empty());
    assert_eq!((snapshot.total.runs, snapshot.groups.len()), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn a_run_counts_when_it_ends() {
    let totals = UsageTotals::builder().window(HOUR).build();
    let script = tower_llm_callbacks::testing::Script::new().respond().pause(HOUR * 5).text("a");
    run(&layer(&totals), script.complete("stop")).await;
    assert_eq!(hours(&totals.snapshot()), [(5, 1)]);
}

#[tokio::test(start_paused = true)]
async fn only_the_last_are_kept() {
    let totals = UsageTotals::builder().window(HOUR).keep_windows(1).build();
    for _ in 0..100 {
        run(&layer(&totals), used(1, 1)).await;
        assert_eq!(totals.snapshot().windows.len(), 1);
        advance(HOUR).await;
    }
    let totals = UsageTotals::builder().window(HOUR).build();
    for _ in 0..100 {
        run(&layer(&totals), used(1, 1)).await;
        advance(HOUR).await;
    }
    // The current window has no run.
    assert_eq!(totals.snapshot().windows.len(), 23);
}

#[tokio::test(start_paused = true)]
async fn groups_of_a_window_are_bounded_for_themselves() {
    let totals = UsageTotals::builder().by_model().max_groups(1).window(HOUR).build();
    run(&layer(&totals), answer_of("a", 1, 1)).await;
    run(&layer(&totals), answer_of("b", 1, 1)).await;
    advance(HOUR).await;
    run(&layer(&totals), answer_of("b", 1, 1)).await;
    let snapshot = totals.snapshot();
    assert_eq!((snapshot.groups.len(), snapshot.other.runs), (1, 2));
    assert_eq!((snapshot.windows[0].groups.len(), snapshot.windows[0].other.runs), (1, 1));
    assert_eq!((snapshot.windows[1].groups.len(), snapshot.windows[1].other.runs), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn taken_windows_begin_again() {
    let totals = UsageTotals::builder().window(HOUR).build();
    run(&layer(&totals), used(1, 1)).await;
    assert_eq!(totals.take().windows.len(), 1);
    assert!(totals.snapshot().windows.is_empty());
    run(&layer(&totals), used(1, 1)).await;
    let (first, snapshot) = (totals.take(), totals.take());
    assert_eq!((first.windows[0].total.runs, snapshot.windows.len()), (1, 0));
    assert!(first.until <= snapshot.since + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn aligned_to_the_clock() {
    let totals = UsageTotals::builder().aligned_window(HOUR).build();
    for _ in 0..3 {
        run(&layer(&totals), used(1, 1)).await;
        let snapshot = totals.snapshot();
        let start = snapshot.windows.last().unwrap().start.duration_since(UNIX_EPOCH).unwrap();
        assert_eq!((start.as_secs() % 3600, start.subsec_nanos()), (0, 0));
        assert!(snapshot.windows[0].start <= snapshot.since);
        assert!(snapshot.windows[0].start + HOUR > snapshot.since);
        advance(HOUR).await;
    }
    assert_eq!(totals.snapshot().windows.len(), 3);
}

#[test]
#[should_panic(expected = "greater than zero")]
fn no_window_of_no_length() {
    let _ = UsageTotals::builder().window(Duration::ZERO).build();
}
