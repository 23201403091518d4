use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

use super::{
    part::{Part, Parts, Used},
    store::Store,
};
use crate::handlers::usage::budget::{
    refusal::Refusal,
    spending::{Spending, Unit},
};

/// The shortest time between writes that no start waits for.
const PACE: Duration = Duration::from_millis(20);

/// What this process knows about an account, and what it has to write.
pub(super) struct State<G> {
    /// What the runs of this process have spent and reserved.
    pub(super) mine: Used,
    /// What other processes have spent and reserved, as last read.
    pub(super) others: Used,
    pub(super) refused: u64,
    pub(super) aborted: u64,
    /// Whether the running calls were aborted and no run was admitted since.
    stopped: bool,
    /// The account as last read or written, and its revision. `None` if it has to be read.
    known: Option<(Parts, Option<u64>)>,
    /// What was last written of `mine`.
    written: Used,
    /// Whether something else than `written` may be stored.
    unsure: bool,
    seq: u64,
    last_write: Instant,
    /// The last sign of life of other processes with reservations, and when this process first saw it.
    alive: HashMap<Uuid, (u64, Instant)>,
    waiting: VecDeque<Waiting<G>>,
    /// Whether a task keeps the account in step with the store.
    pub(super) running: bool,
}

/// A start that waits for its reservation, a `G`.
pub(super) struct Waiting<G> {
    pub(super) amount: Spending,
    pub(super) answer: oneshot::Sender<Result<G, Refusal>>,
}

/// What to do about an account with the knowledge there is.
pub(super) struct Plan {
    /// What the account would be, if something is to be written.
    pub(super) write: Option<(Parts, Option<u64>)>,
    /// What it says about this process.
    used: Used,
    /// Whether each of the waiting starts is admitted.
    outcomes: Vec<Result<(), Refusal>>,
}

impl Plan {
    pub(super) fn refuses(&self) -> bool {
        self.outcomes.iter().any(Result::is_err)
    }
}

impl<G> State<G> {
    pub(super) fn new() -> Self {
        Self {
            mine: Used::default(),
            others: Used::default(),
            refused: 0,
            aborted: 0,
            stopped: false,
            known: None,
            written: Used::default(),
            unsure: false,
            seq: 0,
            last_write: Instant::now(),
            alive: HashMap::new(),
            waiting: VecDeque::new(),
            running: false,
        }
    }

    pub(super) fn total(&self) -> Spending {
        self.mine.plus(self.others).total()
    }

    /// Returns whether the store does not know yet what this process has spent or released. What a run draws beyond its
    /// reservation can wait for the next write.
    pub(super) fn is_dirty(&self) -> bool {
        let (mine, written) = (self.mine, self.written);
        self.unsure || mine.spent != written.spent || mine.reserved.is_below(written.reserved)
    }

    /// Returns the time until something has to be done, or `None` if there is nothing to do until a run starts or ends.
    pub(super) fn due(&self, lease: Duration) -> Option<Duration> {
        if !self.waiting.is_empty() {
            Some(Duration::ZERO)
        } else if self.is_dirty() {
            Some(PACE.saturating_sub(self.last_write.elapsed()))
        } else if self.mine.reserved != Spending::default() {
            Some((lease / 3).saturating_sub(self.last_write.elapsed()))
        } else {
            None
        }
    }

    pub(super) fn wait(&mut self, amount: Spending, answer: oneshot::Sender<Result<G, Refusal>>) {
        self.waiting.push_back(Waiting { amount, answer });
    }

    /// Reserves an amount without the store.
    pub(super) fn reserve_alone(&mut self, store: &Store, amount: Spending) -> Result<(), Refusal> {
        let admitted = Refusal::unless_covered(&store.limit, self.total(), amount);
        if admitted.is_ok() {
            self.mine.reserved = self.mine.reserved.plus(amount);
            (self.unsure, self.stopped) = (true, false);
        }
        admitted
    }

    /// Replaces a reservation by what was spent. Returns the unit of which nothing is left, if the running calls are to be
    /// aborted and were not.
    pub(super) fn settle(
        &mut self,
        store: &Store,
        reserved: Spending,
        spent: Spending,
        abort_running: bool,
    ) -> Option<Unit> {
        self.mine.reserved = self.mine.reserved.minus(reserved);
        self.mine.spent = self.mine.spent.plus(spent);
        let limit = &store.limit;
        let spent = self.mine.spent.plus(self.others.spent);
        let over = limit.is_spent(spent).or_else(|| limit.is_passed(self.total()));
        over.filter(|_| abort_running && !mem::replace(&mut self.stopped, true))
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Takes over what was read.
    pub(super) fn loaded(&mut self, store: &Store, mut parts: Parts, revision: Option<u64>) {
        // The store may have lost what was written, or others have released this process's reservations.
        self.unsure |= parts.get(store.process) != self.written;
        self.release_dead(store, &mut parts);
        let others = parts.others(store.process).map(|(_, part)| part.used());
        self.others = others.fold(Used::default(), Used::plus);
        self.known = Some((parts, revision));
    }

    /// Releases the reservations of processes that give no sign of life. Their clocks do not matter: this process
    /// measures the time since it first saw the sign.
    fn release_dead(&mut self, store: &Store, parts: &mut Parts) {
        let now = Instant::now();
        let before = mem::take(&mut self.alive);
        let mut dead = Vec::new();
        for (process, part) in parts.others(store.process) {
            if part.used().reserved == Spending::default() {
                continue;
            }
            let seen = before.get(&process).copied().filter(|(seq, _)| *seq == part.seq());
            let (seq, since) = seen.unwrap_or((part.seq(), now));
            self.alive.insert(process, (seq, since));
            if now.duration_since(since) >= store.config.lease {
                dead.push(process);
            }
        }
        dead.into_iter().for_each(|process| parts.release(process));
    }

    /// Forgets what was read, since another process has changed it.
    pub(super) fn changed(&mut self) {
        self.known = None;
    }

    /// Forgets what was read or written, since a request failed.
    pub(super) fn failed(&mut self) {
        self.known = None;
        // The other processes may not have reached the store either.
        self.alive.clear();
    }

    /// Plans what to write and to answer, from what is known.
    pub(super) fn plan(&mut self, store: &Store) -> Plan {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let mut used = self.mine;
        let mut outcomes = Vec::with_capacity(self.waiting.len());
        for waiting in &self.waiting {
            let outcome = Refusal::unless_covered(
                &store.limit,
                self.others.plus(used).total(),
                waiting.amount,
            );
            if outcome.is_ok() {
                used.reserved = used.reserved.plus(waiting.amount);
            }
            outcomes.push(outcome);
        }
        let admits = outcomes.iter().any(Result::is_ok);
        let is_sign_due = self.mine.reserved != Spending::default()
            && self.last_write.elapsed() >= store.config.lease / 3;
        let write = self.known.as_ref().filter(|_| admits || self.is_dirty() || is_sign_due);
        let write = write.map(|(parts, revision)| {
            let mut parts = parts.clone();
            parts.set(store.process, Part::new(self.seq + 1, used));
            parts.tidy();
            (parts, *revision)
        });
        if write.is_some() {
            // Until it is known to be stored.
            (self.seq, self.unsure) = (self.seq + 1, true);
        }
        Plan { write, used, outcomes }
    }

    /// Takes over what was written. Returns the starts that are admitted.
    pub(super) fn stored(&mut self, plan: &Plan, parts: Parts, revision: u64) -> Vec<Waiting<G>> {
        self.known = Some((parts, Some(revision)));
        (self.written, self.unsure, self.last_write) = (plan.used, false, Instant::now());
        let admitted = self.take(&plan.outcomes, Result::is_ok);
        for start in &admitted {
            self.mine.reserved = self.mine.reserved.plus(start.amount);
        }
        self.stopped &= admitted.is_empty();
        admitted
    }

    /// Returns the starts that are refused, with the reasons. They no longer wait.
    pub(super) fn refuse(&mut self, plan: &mut Plan) -> Vec<(Waiting<G>, Refusal)> {
        let reasons: Vec<_> = plan.outcomes.iter().filter_map(|it| it.err()).collect();
        let refused = self.take(&plan.outcomes, Result::is_err);
        plan.outcomes.retain(Result::is_ok);
        refused.into_iter().zip(reasons).collect()
    }

    /// Removes those of the waiting starts whose outcome is of a kind. Starts that came later have no outcome yet.
    fn take(
        &mut self,
        outcomes: &[Result<(), Refusal>],
        of: impl Fn(&Result<(), Refusal>) -> bool,
    ) -> Vec<Waiting<G>> {
        let mut taken = Vec::new();
        let later = self.waiting.split_off(outcomes.len());
        let planned = mem::take(&mut self.waiting);
        for (waiting, outcome) in planned.into_iter().zip(outcomes) {
            if of(outcome) {
                taken.push(waiting);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        self.waiting.extend(later);
        taken
    }
}
