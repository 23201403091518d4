use std::{collections::HashMap, mem, sync::Arc};

use uuid::Uuid;

use super::{
    open::{Key, Open, Refusal},
    settings::Settings,
    spending::Spending,
};
use crate::{
    handlers::usage::{Amount, ModelPrice, measured::Measured, names::Names},
    run::Run,
};

/// How many runs may be going. More are not let in: what they use would be lost.
const MAX_OPEN: usize = 100_000;

/// What is spent and reserved of each budget, in the window that is now.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    window: u64,
    pub(super) keys: HashMap<Key, Account>,
    pub(super) open: HashMap<Uuid, Open>,
    pub(super) tally: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) spent: Spending,
    pub(super) reserved: Spending,
    pub(super) refused: u64,
    pub(super) aborted: u64,
    /// Those that were going have been aborted, and nobody was let in since.
    stopped: bool,
}

/// What is counted of all keys and windows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) refused: u64,
    pub(super) aborted: u64,
    pub(super) unpriced_runs: u64,
    pub(super) unpriced: Names,
}

impl Account {
    pub(super) fn used(&self) -> Spending {
        self.spent.plus(self.reserved)
    }
}

impl Accounts {
    /// Makes a window the current one. Gives the accounts of the one before, for they may be many.
    pub(super) fn turn_to(&mut self, now: u64) -> HashMap<Key, Account> {
        if self.window == now {
            return HashMap::new();
        }
        self.window = now;
        mem::take(&mut self.keys)
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Lets a run in, if there is enough for what it reserves.
    pub(super) fn start(
        &mut self,
        settings: &Settings,
        run_id: Uuid,
        key: Option<&Key>,
        mut open: Open,
    ) -> Result<(), Refusal> {
        if self.open.len() >= MAX_OPEN {
            return Err(Refusal::TooManyRuns);
        }
        if let Some(key) = key {
            let account = self.keys.entry(key.clone()).or_default();
            let used = account.used();
            if let Some(unit) = settings.limit.is_spent(used) {
                return Err(Refusal::Spent(unit));
            }
            if let Some(unit) = settings.limit.is_passed(used.plus(open.reserved)) {
                return Err(Refusal::TooMuch(unit));
            }
            account.reserved = account.reserved.plus(open.reserved);
            account.stopped = false;
            open.account = Some((key.clone(), self.window));
        }
        self.open.insert(run_id, open);
        Ok(())
    }

    /// The key that a run goes by: its own, as long as there is room.
    pub(super) fn place(&self, key: Arc<str>, max: usize) -> Key {
        let key = Some(key);
        if self.keys.contains_key(&key) || self.keys.len() < max { key } else { None }
    }

    /// A run has had so many tokens. Says why it must not go on.
    pub(super) fn token(
        &mut self,
        settings: &Settings,
        run_id: Uuid,
        tokens: u64,
    ) -> Option<(Option<Key>, Refusal)> {
        let open = self.open.get_mut(&run_id)?;
        let key = open.account.as_ref().map(|(key, _)| key.clone());
        if tokens > open.most.tokens {
            return Some((key, Refusal::PassedItsOwn(open.most.by)));
        }
        let (_, window) = open.account.as_ref()?;
        if !settings.abort_running || *window != self.window {
            return None;
        }
        let account = self.keys.get_mut(key.as_ref()?)?;
        // What it has had beyond its reservation is nobody else's any more.
        let drawn = open.drawn(tokens, &settings.limit);
        account.reserved = account.reserved.minus(open.reserved).plus(drawn);
        open.reserved = drawn;
        let passed = settings.limit.is_passed(account.used());
        passed.map(|unit| (key, Refusal::Spent(unit)))
    }

    /// A run has ended: what it has used takes the place of what it had reserved. Gives the runs that must
    /// not go on.
    pub(super) fn end(
        &mut self,
        settings: &Settings,
        run_id: Uuid,
        used: &Used<'_>,
    ) -> Vec<(Run, Option<Key>, Refusal)> {
        let Some(open) = self.open.remove(&run_id) else { return Vec::new() };
        let price = used.price.or(open.price.as_ref());
        if settings.prices.is_some() && price.is_none() && !used.measured.is_nothing() {
            self.tally.unpriced_runs += 1;
            self.tally.unpriced.add(used.model.or(open.model.as_deref()));
        }
        // A window that is over is nobody's concern.
        let Some((key, window)) = open.account.filter(|(_, window)| *window == self.window) else {
            return Vec::new();
        };
        let Some(account) = self.keys.get_mut(&key) else { return Vec::new() };
        account.reserved = account.reserved.minus(open.reserved);
        account.spent = account.spent.plus(used.spending(price));
        let limit = &settings.limit;
        let over = limit.is_spent(account.spent).or_else(|| limit.is_passed(account.used()));
        let Some(unit) = over.filter(|_| settings.abort_running && !account.stopped) else {
            return Vec::new();
        };
        account.stopped = true;
        let place = (key, window);
        let theirs = self.open.values().filter(|open| open.account.as_ref() == Some(&place));
        let runs = theirs.filter_map(|open| open.run.clone());
        runs.map(|run| (run, Some(place.0.clone()), Refusal::Spent(unit))).collect()
    }

    /// A run was aborted, at its start or later.
    pub(super) fn count(&mut self, key: Option<&Key>, at_start: bool) {
        let account = key.and_then(|key| self.keys.get_mut(key));
        if at_start {
            self.tally.refused += 1;
            account.into_iter().for_each(|account| account.refused += 1);
        } else {
            self.tally.aborted += 1;
            account.into_iter().for_each(|account| account.aborted += 1);
        }
    }
}

/// What a run has used.
pub(super) struct Used<'a> {
    pub(super) measured: Measured,
    /// The model that answered, and its price.
    pub(super) model: Option<&'a str>,
    pub(super) price: Option<&'a ModelPrice>,
}

impl Used<'_> {
    fn spending(&self, price: Option<&ModelPrice>) -> Spending {
        let Measured { reported, counted } = self.measured;
        let cost = price.map_or(Amount::ZERO, |price| {
            let reported = reported.map_or(Amount::ZERO, |usage| price.cost(&usage));
            reported.plus(price.of_output(counted))
        });
        Spending { tokens: self.measured.tokens().into(), cost }
    }
}
