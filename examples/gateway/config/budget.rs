use serde::Deserialize;
use tower_llm_callbacks::handlers::{Amount, BudgetGuard, Prices};

use super::{Problem, values::Seconds};

/// What the calls of a tenant may use. A call beyond it gets 429, with `Retry-After` if the budget is renewed and then covers it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BudgetSettings {
    tokens: Option<u64>,
    money: Option<Amount>,
    /// Budgets are renewed at multiples of this length: hours on the hour, days at midnight in UTC.
    every: Option<Seconds>,
    /// The tokens that a call reserves at its start, in place of an estimate.
    reserve: Option<u64>,
    /// Calls that run when the budget is spent are aborted.
    abort_running: bool,
    /// Models without a price cost no money, in place of being refused.
    allow_unpriced: bool,
}

impl BudgetSettings {
    pub(super) fn check(&self, key: &str, priced: bool) -> Result<(), Problem> {
        let of = |name: &str| format!("{key}.{name}");
        if self.tokens.is_none() && self.money.is_none() {
            return Err(Problem::new(key, "the budget limits nothing: set `tokens` or `money`"));
        }
        if let (Some(reserve), Some(tokens)) = (self.reserve, self.tokens)
            && reserve > tokens
        {
            let message = "no call fits into the budget: set at most as many as `tokens`";
            return Err(Problem::new(of("reserve"), message));
        }
        if self.money.is_some() && !priced {
            let message = "money needs prices: add `bundled = true` or `file` to [prices]";
            return Err(Problem::new(of("money"), message));
        }
        if self.every.is_some_and(|every| every.0.is_zero()) {
            return Err(Problem::new(
                of("every"),
                "must not be 0: leave it out for one budget for ever",
            ));
        }
        Ok(())
    }

    /// Creates the guard that keeps calls within this budget, and continues that of the settings before.
    pub(crate) fn guard(
        &self,
        prices: Option<&Prices>,
        before: Option<&BudgetGuard>,
    ) -> BudgetGuard {
        let mut guard = BudgetGuard::builder();
        if let Some(tokens) = self.tokens {
            guard = guard.tokens(tokens);
        }
        if let Some(money) = self.money {
            guard = guard.money(money);
        }
        if let Some(prices) = prices {
            guard = guard.prices(prices.clone());
        }
        if let Some(every) = self.every {
            guard = guard.every_aligned(every.0);
        }
        if let Some(reserve) = self.reserve {
            guard = guard.reserve(reserve);
        }
        if self.abort_running {
            guard = guard.abort_running();
        }
        if self.allow_unpriced {
            guard = guard.allow_unpriced();
        }
        match before {
            Some(before) => guard.build_continuing(before),
            None => guard.build(),
        }
    }
}
