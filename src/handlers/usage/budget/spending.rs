use serde::{Deserialize, Serialize};

use crate::event::Amount;

/// An amount of tokens and money, spent or reserved. `u128` cannot overflow by adding `u64` token counts; what another
/// process has written may be any number, so that sums saturate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Spending {
    pub(super) tokens: u128,
    pub(super) cost: Amount,
}

impl Spending {
    pub(super) fn plus(self, other: Self) -> Self {
        let tokens = self.tokens.saturating_add(other.tokens);
        Self { tokens, cost: self.cost.plus(other.cost) }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        let tokens = self.tokens.saturating_sub(other.tokens);
        Self { tokens, cost: self.cost.minus(other.cost) }
    }

    /// Returns whether either amount is smaller than the other's.
    pub(super) fn is_below(self, other: Self) -> bool {
        self.tokens < other.tokens || self.cost < other.cost
    }

    /// Returns the larger number of tokens and the larger cost.
    pub(super) fn max(self, other: Self) -> Self {
        Self { tokens: self.tokens.max(other.tokens), cost: self.cost.max(other.cost) }
    }
}

/// The limits of a budget, each optional.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BudgetLimit {
    pub(super) tokens: Option<u64>,
    pub(super) money: Option<Amount>,
}

/// The unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Tokens,
    Money,
}

impl BudgetLimit {
    pub(super) fn is_some(&self) -> bool {
        self.tokens.is_some() || self.money.is_some()
    }

    /// Returns the limited parts of a reservation. The other parts are dropped, so that sums stay small.
    pub(super) fn only(&self, reserved: Spending) -> Spending {
        Spending {
            tokens: self.tokens.map_or(0, |_| reserved.tokens),
            cost: self.money.map_or(Amount::ZERO, |_| reserved.cost),
        }
    }

    /// Returns the unit whose limit is reached, if any.
    pub(super) fn is_spent(&self, used: Spending) -> Option<Unit> {
        self.unit(|limit| used.tokens >= limit, |limit| used.cost >= limit)
    }

    /// Returns the unit whose limit is exceeded, if any.
    pub(super) fn is_passed(&self, used: Spending) -> Option<Unit> {
        self.unit(|limit| used.tokens > limit, |limit| used.cost > limit)
    }

    fn unit(
        &self,
        tokens: impl FnOnce(u128) -> bool,
        money: impl FnOnce(Amount) -> bool,
    ) -> Option<Unit> {
        if self.tokens.is_some_and(|limit| tokens(limit.into())) {
            return Some(Unit::Tokens);
        }
        self.money.is_some_and(money).then_some(Unit::Money)
    }

    pub(super) fn tokens_left(&self, used: Spending) -> Option<u64> {
        let left = |limit: u64| u128::from(limit).saturating_sub(used.tokens);
        // The difference is at most `limit`, so it fits.
        self.tokens.map(|limit| left(limit) as u64)
    }

    pub(super) fn money_left(&self, used: Spending) -> Option<Amount> {
        self.money.map(|limit| limit.minus(used.cost))
    }
}
