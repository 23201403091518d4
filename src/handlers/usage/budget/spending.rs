use crate::handlers::usage::Amount;

/// Tokens and money, spent or reserved. Of tokens there is room for more than are ever added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spending {
    pub(super) tokens: u128,
    pub(super) cost: Amount,
}

impl Spending {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens + other.tokens, cost: self.cost.plus(other.cost) }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        let tokens = self.tokens.saturating_sub(other.tokens);
        Self { tokens, cost: self.cost.minus(other.cost) }
    }

    /// The larger of both, of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self { tokens: self.tokens.max(other.tokens), cost: self.cost.max(other.cost) }
    }
}

/// How much may be spent, of what is limited.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limit {
    pub(super) tokens: Option<u64>,
    pub(super) money: Option<Amount>,
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Tokens,
    Money,
}

impl Limit {
    pub(super) fn is_some(&self) -> bool {
        self.tokens.is_some() || self.money.is_some()
    }

    /// What of a reservation is limited: the rest is not kept, so that its sums stay small.
    pub(super) fn only(&self, asked: Spending) -> Spending {
        Spending {
            tokens: self.tokens.map_or(0, |_| asked.tokens),
            cost: self.money.map_or(Amount::ZERO, |_| asked.cost),
        }
    }

    /// Whether so much is all there is, or more.
    pub(super) fn is_spent(&self, used: Spending) -> Option<Unit> {
        self.unit(|limit| used.tokens >= limit, |limit| used.cost >= limit)
    }

    /// Whether so much is more than there is.
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
        // What is left of a number that fits does fit.
        self.tokens.map(|limit| left(limit) as u64)
    }

    pub(super) fn money_left(&self, used: Spending) -> Option<Amount> {
        self.money.map(|limit| limit.minus(used.cost))
    }
}
