use std::{collections::HashMap, panic::Location};

use uuid::Uuid;

use super::{Recorded, Violation};
use crate::{
    event::{EventData, EventKind, TokenKind},
    handler::EventMask,
};

/// Checks the events that a handler received against the crate's guarantees.
///
/// - **one terminal event**: each run that started has exactly one, and the result matches the run's tokens;
/// - **order**: start, tokens, terminal event, nothing after it, with increasing numbers, and never two events of a run
///   at once;
/// - **context**: a child run has its parent's root.
#[derive(Debug, Clone)]
pub struct Checker {
    event_mask: EventMask,
    unfinished: bool,
    expects_runs: bool,
}

const NO_RUN: &str = "the recorder saw no run: is it in the set of the layer, was the service called and its response \
                      polled, and did `flush` wait for handlers that are not inline?";

/// Asserts that a recording of finished runs, with all events, keeps the crate's guarantees.
///
/// A recording without any run keeps them, but is rarely what a test is for: then a note is printed, which a test shows if a
/// later assertion fails. [`Checker::expect_runs`] makes it a violation.
///
/// # Panics
///
/// Panics with a list of the violations.
#[track_caller]
pub fn assert_promises(events: &[Recorded]) {
    let violations = Checker::new().check(events);
    let list: Vec<String> = violations.iter().map(Violation::to_string).collect();
    if events.is_empty() {
        eprintln!("note: {}: {NO_RUN}", Location::caller());
    }
    assert!(violations.is_empty(), "{}", list.join("\n"));
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Creates a checker for a handler that receives all events, and for runs that have ended.
    pub fn new() -> Self {
        Self { event_mask: EventMask::ALL, unfinished: false, expects_runs: false }
    }

    /// Sets which events the handler receives.
    #[must_use]
    pub fn event_mask(mut self, event_mask: EventMask) -> Self {
        self.event_mask = event_mask;
        self
    }

    /// Allows runs without a terminal event: the run has not ended, or the handler was detached.
    #[must_use]
    pub fn allow_unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// Requires at least one run: a recording of nothing is a violation, whose message says what to look at.
    ///
    /// ```
    /// use tower_llm_callbacks::testing::Checker;
    ///
    /// let violations = Checker::new().expect_runs().check(&[]);
    /// assert!(violations[0].to_string().starts_with("the recorder saw no run"));
    /// ```
    #[must_use]
    pub fn expect_runs(mut self) -> Self {
        self.expects_runs = true;
        self
    }

    /// Returns the violations in a recording.
    pub fn check(&self, events: &[Recorded]) -> Vec<Violation> {
        let mut runs: Vec<(Uuid, Vec<&Recorded>)> = Vec::new();
        let mut at: HashMap<Uuid, usize> = HashMap::new();
        for event in events {
            let index = *at.entry(event.run_id).or_insert_with(|| {
                runs.push((event.run_id, Vec::new()));
                runs.len() - 1
            });
            runs[index].1.push(event);
        }
        let mut violations = Vec::new();
        if events.is_empty() && self.expects_runs {
            violations.push(Violation {
                promise: "one terminal event",
                run_id: Uuid::nil(),
                name: String::new(),
                events: Vec::new(),
                message: NO_RUN.to_owned(),
            });
        }
        for (run_id, run) in &runs {
            let mut broken = |promise, message: String| {
                let name = run[0].name.clone();
                let events = run.iter().map(|event| event.kind()).collect();
                violations.push(Violation { promise, run_id: *run_id, name, events, message });
            };
            self.check_terminal(run, &mut broken);
            self.check_order(run, &mut broken);
            self.check_result(run, &mut broken);
            if let Some(parent) = run[0].parent_run_id
                && let Some(&parent) = at.get(&parent)
                && runs[parent].1[0].root_run_id != run[0].root_run_id
            {
                let expected = &runs[parent].1[0];
                let message = format!(
                    "its root run is {}, expected {}, that of its parent `{}`",
                    run[0].root_run_id, expected.root_run_id, expected.name
                );
                broken("context", message);
            }
        }
        violations
    }

    fn wants(&self, kinds: impl Fn(EventKind) -> bool, run: &[&Recorded]) -> bool {
        let of = run[0].run_type;
        let all = [EventKind::start_of(of), EventKind::end_of(of), EventKind::error_of(of)];
        all.iter().filter(|kind| kinds(**kind)).all(|kind| self.event_mask.wants(*kind))
    }

    fn check_terminal(&self, run: &[&Recorded], broken: &mut impl FnMut(&'static str, String)) {
        let terminals = run.iter().filter(|event| event.kind().is_terminal()).count();
        let wanted = self.wants(EventKind::is_terminal, run);
        if terminals > 1 {
            broken("one terminal event", format!("{terminals} terminal events, expected one"));
        } else if terminals == 0 && wanted && !self.unfinished {
            broken(
                "one terminal event",
                "no terminal event, expected an end or an error".to_owned(),
            );
        }
    }

    fn check_order(&self, run: &[&Recorded], broken: &mut impl FnMut(&'static str, String)) {
        if self.wants(EventKind::is_start, run) && !run[0].kind().is_start() {
            let expected = EventKind::start_of(run[0].run_type);
            broken("order", format!("the first event is {}, expected {expected}", run[0].kind()));
        }
        for pair in run.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            if second.seq <= first.seq {
                let (first, second) = (first.seq, second.seq);
                let message =
                    format!("event {second} came after event {first}, expected a higher number");
                broken("order", message);
            }
            if first.kind().is_terminal() {
                let (first, second) = (first.kind(), second.kind());
                let message =
                    format!("{second} came after {first}, expected nothing after a terminal event");
                broken("order", message);
            }
            if second.kind().is_start() {
                broken("order", format!("a second {}, expected one", second.kind()));
            }
        }
        if let Some(event) = run.iter().find(|event| event.overlapped) {
            let message = format!(
                "event {} was delivered during another event, expected one at a time",
                event.seq
            );
            broken("order", message);
        }
    }

    fn check_result(&self, run: &[&Recorded], broken: &mut impl FnMut(&'static str, String)) {
        let terminal = run.iter().rev().find(|event| event.kind().is_terminal());
        let Some(result) = terminal.and_then(|event| event.result()) else { return };
        if !self.event_mask.wants_in(EventKind::LlmNewToken, run[0].run_type) || !result.streamed {
            return;
        }
        let mut seen = 0;
        let mut texts: HashMap<u32, String> = HashMap::new();
        for event in run {
            let EventData::LlmNewToken(token) = &event.data else { continue };
            seen += 1;
            if token.kind() == TokenKind::Text {
                texts.entry(token.choice()).or_default().push_str(token.text());
            }
        }
        if seen + result.dropped_tokens != result.tokens {
            let (tokens, dropped) = (result.tokens, result.dropped_tokens);
            let message =
                format!("{seen} tokens received and {dropped} dropped, expected {tokens}");
            broken("one terminal event", message);
        }
        for choice in &result.choices {
            let text = texts.get(&choice.index).map_or("", String::as_str);
            if result.dropped_tokens == 0 && choice.text != text {
                let message = format!(
                    "the result's text of choice {} is {:?}, but its tokens add up to {text:?}",
                    choice.index, choice.text
                );
                broken("one terminal event", message);
            }
        }
    }
}
