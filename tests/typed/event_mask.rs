//! `EventMask`: a set of event kinds per run type, which limits what a handler receives.

mod algebra;
mod delivered;

use proptest::{collection::vec, prelude::*, sample::select};
use tower_llm_callbacks::{EventKind, EventMask, RunType};

const KINDS: [EventKind; 30] = {
    let mut kinds = [EventKind::Retry; 30];
    (kinds[1], kinds[2]) = (EventKind::Custom, EventKind::LlmNewToken);
    let mut at = 0;
    while at < TYPES.len() {
        kinds[3 + 3 * at] = EventKind::start_of(TYPES[at]);
        kinds[4 + 3 * at] = EventKind::end_of(TYPES[at]);
        kinds[5 + 3 * at] = EventKind::error_of(TYPES[at]);
        at += 1;
    }
    kinds
};

const TYPES: [RunType; 9] = *RunType::ALL.first_chunk().unwrap();

/// Whether runs of several types emit a kind of event.
fn is_shared(kind: EventKind) -> bool {
    matches!(kind, EventKind::Retry | EventKind::Custom | EventKind::LlmNewToken)
}

/// Whether runs of a type emit a kind of event.
fn emits(of: RunType, kind: EventKind) -> bool {
    match kind {
        EventKind::Retry | EventKind::Custom => true,
        EventKind::LlmNewToken => of.is_model_call(),
        kind => [EventKind::start_of(of), EventKind::end_of(of), EventKind::error_of(of)]
            .contains(&kind),
    }
}

/// The smallest masks.
fn atoms() -> Vec<EventMask> {
    let of_a_type = KINDS.iter().flat_map(|kind| {
        let types = TYPES.iter().filter(|run_type| emits(**run_type, *kind));
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
