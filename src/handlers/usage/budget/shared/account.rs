use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use super::{
    part::Parts,
    state::{Plan, State},
    store::Store,
};
use crate::{
    handlers::usage::budget::{
        balances::Balance,
        refusal::Refusal,
        spending::{Spending, Unit},
    },
    sync::lock,
};

/// An account in the store: the budget of a key in a window.
pub(super) struct Account {
    pub(super) name: String,
    state: Mutex<State<Grant>>,
    /// Notifies the task of the account that a run has started or ended.
    pub(super) wake: Notify,
}

/// A reservation of a run that starts. Dropped, it is released: the call may have stopped waiting.
pub(super) struct Grant {
    account: Arc<Account>,
    amount: Spending,
}

impl Grant {
    /// Leaves the reservation to the run.
    pub(super) fn keep(mut self) {
        self.amount = Spending::default();
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.amount != Spending::default() {
            self.account.with(|state| {
                state.mine.reserved = state.mine.reserved.minus(self.amount);
            });
            self.account.wake.notify_one();
        }
    }
}

impl Account {
    pub(super) fn new(name: String) -> Arc<Self> {
        Arc::new(Self { name, state: Mutex::new(State::new()), wake: Notify::new() })
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut State<Grant>) -> T) -> T {
        f(&mut lock(&self.state))
    }

    fn grant(self: &Arc<Self>, amount: Spending) -> Grant {
        Grant { account: Arc::clone(self), amount }
    }

    /// Asks for a reservation. The task of the account answers.
    pub(super) fn ask(&self, amount: Spending) -> oneshot::Receiver<Result<Grant, Refusal>> {
        let (answer, granted) = oneshot::channel();
        self.with(|state| state.wait(amount, answer));
        granted
    }

    /// Reserves an amount without the store.
    pub(super) fn reserve_alone(
        self: &Arc<Self>,
        store: &Store,
        amount: Spending,
    ) -> Result<Grant, Refusal> {
        self.with(|state| state.reserve_alone(store, amount))?;
        Ok(self.grant(amount))
    }

    /// Adds what a run has drawn beyond its reservation. Returns the unit whose limit is exceeded by it.
    pub(super) fn draw(&self, store: &Store, from: Spending, to: Spending) -> Option<Unit> {
        self.with(|state| {
            state.mine.reserved = state.mine.reserved.minus(from).plus(to);
            store.limit.is_passed(state.total())
        })
    }

    /// Answers the refused starts of a plan.
    pub(super) fn refuse(&self, plan: &mut Plan) {
        for (start, refusal) in self.with(|state| state.refuse(plan)) {
            // It may have stopped waiting.
            let _ = start.answer.send(Err(refusal));
        }
    }

    /// Takes over what was written, and answers the admitted starts.
    pub(super) fn stored(self: &Arc<Self>, plan: &Plan, parts: Parts, revision: u64) {
        for start in self.with(|state| state.stored(plan, parts, revision)) {
            // If it has stopped waiting, the grant is dropped here, which releases the reservation.
            let _ = start.answer.send(Ok(self.grant(start.amount)));
        }
    }

    /// Returns the balance as this process knows it.
    pub(super) fn balance(&self) -> Balance {
        self.with(|state| {
            let used = state.mine.plus(state.others);
            Balance::new(used.spent, used.reserved, state.refused, state.aborted)
        })
    }
}
