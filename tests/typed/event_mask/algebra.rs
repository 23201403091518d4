//! Masks as sets of their members.

use std::collections::HashSet;

use proptest::prelude::*;
use tower_llm_callbacks::{EventKind, EventMask, RunType};

use super::{KINDS, TYPES, atoms, emits, is_shared, masks};

/// The membership of every kind and run type.
fn members(set: EventMask) -> Vec<bool> {
    let pairs = KINDS.iter().flat_map(|kind| TYPES.map(|run_type| (*kind, run_type)));
    pairs
        .map(|(kind, run_type)| set.wants_in(kind, run_type))
        .chain([set.intersects(EventMask::TOKEN_TIMES)])
        .collect()
}

fn combined(one: EventMask, other: EventMask, by: impl Fn(bool, bool) -> bool) -> Vec<bool> {
    members(one).into_iter().zip(members(other)).map(|(one, other)| by(one, other)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operators_match_those_of_sets(a in masks(), b in masks(), c in masks()) {
        prop_assert_eq!(members(a | b), combined(a, b, |a, b| a || b));
        prop_assert_eq!(members(a & b), combined(a, b, |a, b| a && b));
        prop_assert_eq!(members(a - b), combined(a, b, |a, b| a && !b));
        // Masks with the same members are equal.
        prop_assert_eq!(a | b, b | a);
        prop_assert_eq!(a & (b | c), (a & b) | (a & c));
        prop_assert_eq!(a - (b | c), (a - b) - c);
        prop_assert_eq!((a - b) | (a & b), a);
        prop_assert_eq!((a - b) & b, EventMask::NONE);
        prop_assert_eq!((a | EventMask::ALL, a & EventMask::ALL), (EventMask::ALL, a));
        prop_assert_eq!((a | EventMask::NONE, a & EventMask::NONE), (a, EventMask::NONE));
        prop_assert_eq!(EventMask::ALL - (EventMask::ALL - a), a);
        prop_assert_eq!(a == b, members(a) == members(b));
        prop_assert_eq!(a.intersects(b), a & b != EventMask::NONE);
        prop_assert_eq!(HashSet::from([a, b]).len() == 1, a == b);
    }

    /// A kind is in a mask if it is in it for any run type.
    #[test]
    fn a_mask_contains_a_kind_of_any_run_type(set in masks()) {
        for kind in KINDS {
            let in_any = TYPES.iter().any(|run_type| set.wants_in(kind, *run_type));
            prop_assert_eq!(set.wants(kind), in_any);
            prop_assert_eq!(set.wants(kind), set.intersects(EventMask::of(kind)));
        }
    }
}

/// A run type has the kinds of its type and no others. Every run type has retries and custom events, and every
/// type of calls of models has tokens.
#[test]
fn a_run_type_has_its_own_kinds() {
    for run_type in TYPES {
        let its = EventMask::of_runs(run_type);
        for kind in KINDS {
            let expected = emits(run_type, kind);
            assert_eq!(its.wants(kind), expected, "{kind} of {run_type}");
            for other in TYPES {
                let in_other = expected && (!is_shared(kind) || other == run_type);
                assert_eq!(its.wants_in(kind, other), in_other, "{kind} of {run_type}");
            }
        }
        let tokens = its.intersects(EventMask::TOKEN_TIMES);
        assert_eq!(tokens, run_type.is_model_call());
    }
}

/// The parts do not overlap, and together they are `ALL`.
#[test]
fn parts_are_disjoint_and_complete() {
    let together =
        |parts: &[EventMask]| parts.iter().fold(EventMask::NONE, |all, part| all | *part);
    let parts = [
        atoms(),
        TYPES
            .map(|run_type| EventMask::of_runs(run_type) - EventMask::TOKEN_TIMES)
            .into_iter()
            .chain([EventMask::TOKEN_TIMES])
            .collect(),
        KINDS.iter().map(|kind| EventMask::of(*kind)).chain([EventMask::TOKEN_TIMES]).collect(),
        vec![
            EventMask::LLM,
            EventMask::CHAIN,
            EventMask::TOOL,
            EventMask::RETRIEVER,
            EventMask::EMBEDDING,
            EventMask::RERANK,
            EventMask::IMAGE,
            EventMask::AUDIO,
            EventMask::MODERATION,
            EventMask::RETRY,
            EventMask::CUSTOM,
            EventMask::TOKEN_TIMES,
        ],
    ];
    for parts in parts {
        assert_eq!(together(&parts), EventMask::ALL);
        for (at, part) in parts.iter().enumerate() {
            assert_ne!(*part, EventMask::NONE);
            assert!(parts[..at].iter().all(|other| !other.intersects(*part)));
            assert_eq!(EventMask::ALL - *part, together(&parts) - *part);
        }
        let left = parts.iter().fold(EventMask::ALL, |left, part| left - *part);
        assert_eq!(left, EventMask::NONE);
    }
}

#[test]
fn named_masks_have_their_kinds() {
    use EventKind::*;
    let named: [(EventMask, &[EventKind]); 11] = [
        (EventMask::NONE, &[]),
        (EventMask::LLM_START, &[LlmStart]),
        (EventMask::LLM_NEW_TOKEN, &[LlmNewToken]),
        (EventMask::LLM_END, &[LlmEnd]),
        (EventMask::LLM_ERROR, &[LlmError]),
        (EventMask::LLM, &[LlmStart, LlmNewToken, LlmEnd, LlmError]),
        (
            EventMask::CHAIN,
            &[
                EventKind::RunStart(RunType::Chain),
                EventKind::RunEnd(RunType::Chain),
                EventKind::RunError(RunType::Chain),
            ],
        ),
        (
            EventMask::TOOL,
            &[
                EventKind::RunStart(RunType::Tool),
                EventKind::RunEnd(RunType::Tool),
                EventKind::RunError(RunType::Tool),
            ],
        ),
        (
            EventMask::RETRIEVER,
            &[
                EventKind::RunStart(RunType::Retriever),
                EventKind::RunEnd(RunType::Retriever),
                EventKind::RunError(RunType::Retriever),
            ],
        ),
        (
            EventMask::EMBEDDING,
            &[
                EventKind::RunStart(RunType::Embedding),
                EventKind::RunEnd(RunType::Embedding),
                EventKind::RunError(RunType::Embedding),
                LlmNewToken,
            ],
        ),
        (EventMask::RETRY | EventMask::CUSTOM, &[Retry, Custom]),
    ];
    for (set, kinds) in named {
        assert!(KINDS.iter().all(|kind| set.wants(*kind) == kinds.contains(kind)), "{set:?}");
        assert!(!set.intersects(EventMask::TOKEN_TIMES));
    }
    // `TOKEN_TIMES` is not an event kind.
    assert!(KINDS.iter().all(|kind| !EventMask::TOKEN_TIMES.wants(*kind)));
}

/// Masks can be built and queried in constants.
#[test]
fn masks_are_const() {
    const TOOLS: EventMask = EventMask::of_runs(RunType::Tool);
    const ASKS: [bool; 3] = [
        TOOLS.wants(EventKind::Custom),
        TOOLS.wants_in(EventKind::Custom, RunType::Llm),
        TOOLS.intersects(EventMask::of(EventKind::RunEnd(RunType::Tool))),
    ];
    assert_eq!(ASKS, [true, false, true]);
    assert_eq!(format!("{:?}", EventMask::NONE), "EventMask(0x0)");
}
