//! `EventMask`: a set of event kinds per run type, which limits what a handler receives.

mod algebra;
mod delivered;

use proptest::{collection::vec, prelude::*, sample::select};
use tower_llm_callbacks::{EventKind, EventMask, RunType};

const KINDS: [EventKind; 15] = {
    use EventKind::*;
    [
        LlmStart,
        LlmNewToken,
        LlmEnd,
        LlmError,
        EventKind::RunStart(RunType::Chain),
        EventKind::RunEnd(RunType::Chain),
        EventKind::RunError(RunType::Chain),
        EventKind::RunStart(RunType::Tool),
        EventKind::RunEnd(RunType::Tool),
        EventKind::RunError(RunType::Tool),
        EventKind::RunStart(RunType::Retriever),
        EventKind::RunEnd(RunType::Retriever),
        EventKind::RunError(RunType::Retriever),
        Retry,
        Custom,
    ]
};

const TYPES: [RunType; 4] = [RunType::Llm, RunType::Chain, RunType::Tool, RunType::Retriever];

/// Returns the type of the runs that emit a kind of event, or `None` if all types do.
fn type_of(kind: EventKind) -> Option<RunType> {
    use EventKind::*;
    match kind {
        LlmStart | LlmNewToken | LlmEnd | LlmError => Some(RunType::Llm),
        EventKind::RunStart(RunType::Chain)
        | EventKind::RunEnd(RunType::Chain)
        | EventKind::RunError(RunType::Chain) => Some(RunType::Chain),
        EventKind::RunStart(RunType::Tool)
        | EventKind::RunEnd(RunType::Tool)
        | EventKind::RunError(RunType::Tool) => Some(RunType::Tool),
        EventKind::RunStart(RunType::Retriever)
        | EventKind::RunEnd(RunType::Retriever)
        | EventKind::RunError(RunType::Retriever) => Some(RunType::Retriever),
        _ => None,
    }
}

/// The smallest masks.
fn atoms() -> Vec<EventMask> {
    let of_a_type = KINDS.iter().flat_map(|kind| {
        let types =
            TYPES.iter().filter(|run_type| type_of(*kind).is_none_or(|its| its == **run_type));
        types.map(|run_type| EventMask::of(*kind) & EventMask::of_runs(*run_type))
    });
    of_a_type.chain([EventMask::TOKEN_TIMES]).collect()
}

/// Any mask.
fn masks() -> impl Strategy<Value = EventMask> {
    let all = atoms();
    let some = vec(any::<bool>(), all.len()).prop_map({
        let all = all.clone();
        move |are| {
            let some = all.iter().zip(are).filter(|(_, is)| *is).map(|(atom, _)| *atom);
            some.fold(EventMask::NONE, |all, atom| all | atom)
        }
    });
    prop_oneof![
        4 => some,
        2 => select(all),
        1 => select(TYPES.map(EventMask::of_runs).to_vec()),
        1 => select(KINDS.map(EventMask::of).to_vec()),
        1 => select(vec![EventMask::NONE, EventMask::ALL]),
    ]
}
