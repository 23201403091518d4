//! Chains, tools and retrievers: any service as a run, with the promises of the model layer.

mod content;
mod kinds;
mod phases;
mod schedules;
mod streams;
mod terminals;
mod untouched;

use support::{Mode, PATIENCE, Recorders};
use tower_llm_callbacks::{
    ErrorKind, RunLayer,
    testing::{Recorded, Recorder, assert_promises},
};

/// A chain that notifies the recorders.
fn chain(recorders: &Recorders) -> RunLayer {
    RunLayer::chain("chain").callbacks(&recorders.callbacks)
}

/// Returns the terminal event of the only run, after every recorder has received it. All recorders must
/// agree.
async fn ended(recorders: &Recorders, kind: Option<ErrorKind>) -> Recorded {
    let flushed = recorders.callbacks.flush(PATIENCE).await;
    assert!(flushed.is_complete(), "{flushed:?}");
    recorders.faults.none();
    let terminals = recorders.each.iter().map(|(mode, recorder)| only(*mode, recorder, kind));
    let all: Vec<Recorded> = terminals.collect();
    for other in &all[1..] {
        assert_eq!(format!("{:?}", other.data), format!("{:?}", all[0].data));
    }
    all[0].clone()
}

#[track_caller]
fn only(mode: Mode, recorder: &Recorder, kind: Option<ErrorKind>) -> Recorded {
    let events = recorder.events();
    assert_promises(&events);
    assert_eq!(recorder.run_ids().len(), 1, "{mode:?}: {events:#?}");
    assert!(events[0].kind().is_start(), "{mode:?}");
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1, "{mode:?}: {:?}", recorder.kinds());
    let error = terminals[0].error().map(|error| error.kind());
    assert_eq!(error, kind, "{mode:?}: {:?}", terminals[0]);
    terminals[0].clone()
}
