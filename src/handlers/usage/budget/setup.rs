//! Setting a guard up.

use std::{sync::Arc, time::Duration};

use super::{BudgetGuard, key::KeyOf, reserve::Reserve};
use crate::{
    event::LlmStart,
    handlers::usage::{Amount, PriceTable, window::Windows},
    run::Run,
};

impl BudgetGuard {
    /// Limits the tokens of a budget: input and output.
    #[must_use]
    pub fn tokens(self, limit: u64) -> Self {
        self.set(|settings| settings.limit.tokens = Some(limit))
    }

    /// Limits the money of a budget, in the currency of the [prices](Self::prices).
    #[must_use]
    pub fn money(self, limit: Amount) -> Self {
        self.set(|settings| settings.limit.money = Some(limit))
    }

    /// Sets what models cost. A run is paid for at the price of the model that answered, or, if that has none,
    /// of the one that was asked for.
    #[must_use]
    pub fn prices(self, prices: PriceTable) -> Self {
        self.set(|settings| settings.prices = Some(prices))
    }

    /// Lets calls of models without a price go on where money is limited, without taking any for them. Otherwise
    /// they are aborted with status 400, for clients choose the model.
    #[must_use]
    pub fn allow_unpriced(self) -> Self {
        self.set(|settings| settings.allow_unpriced = true)
    }

    /// Gives each key a budget of its own. Called at the start of each run, and gives none for a run that draws on
    /// no budget.
    ///
    /// ```
    /// use tower_llm_callbacks::handlers::BudgetGuard;
    ///
    /// let guard = BudgetGuard::new().tokens(100_000).per(|run, start| {
    ///     let user = run.metadata().get("user")?.as_str()?;
    ///     Some(format!("{user} at {}", start.provider))
    /// });
    /// ```
    #[must_use]
    pub fn per<K: Into<Arc<str>>>(
        self,
        key: impl Fn(&Run, &LlmStart) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let key = move |run: &Run, start: &LlmStart| key(run, start).map(Into::into);
        self.set(|settings| settings.key = KeyOf::Closure(Arc::new(key)))
    }

    /// Gives each model that is asked for a budget of its own.
    #[must_use]
    pub fn per_model(self) -> Self {
        self.set(|settings| settings.key = KeyOf::Model)
    }

    /// Gives a budget of its own to each tag that begins with a prefix; a run draws on that of its first such
    /// tag. Those without draw on one together, whose key is empty.
    #[must_use]
    pub fn per_tag(self, prefix: &str) -> Self {
        self.set(|settings| settings.key = KeyOf::Tag(prefix.into()))
    }

    /// Gives a budget of its own to each value under a key of the metadata: a text, a number or a truth value.
    /// Runs without draw on one together, whose key is empty.
    #[must_use]
    pub fn per_metadata(self, key: &str) -> Self {
        self.set(|settings| settings.key = KeyOf::Metadata(key.into()))
    }

    /// Renews budgets each time that so long has passed; the first time starts now. A run draws on the budget of
    /// the window that it starts in.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    #[must_use]
    pub fn every(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::new(length)))
    }

    /// Like [`every`](Self::every), but at whole multiples of the length in UTC: an hour on the hour, a day at
    /// midnight.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    #[must_use]
    pub fn every_aligned(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::aligned(length)))
    }

    /// Sets how many tokens a run reserves at its start. The default is what the request allows the answer
    /// (`max_tokens` and what other providers call it, for each choice), and nothing where it does not say.
    #[must_use]
    pub fn reserve(self, tokens: u64) -> Self {
        self.set(|settings| settings.reserve = Reserve::Tokens(tokens))
    }

    /// Sets how many tokens a run reserves at its start, run by run.
    #[must_use]
    pub fn reserve_with(
        self,
        estimate: impl Fn(&Run, &LlmStart) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.reserve = Reserve::Closure(Arc::new(estimate)))
    }

    /// Limits how many token events each run may have: pieces as the provider sends them.
    #[must_use]
    pub fn max_run_tokens(self, tokens: u64) -> Self {
        self.set(|settings| settings.max_run_tokens = Some(tokens))
    }

    /// Limits what each run may cost, by its token events, each as one output token of the model that was
    /// asked for.
    #[must_use]
    pub fn max_run_cost(self, cost: Amount) -> Self {
        self.set(|settings| settings.max_run_cost = Some(cost))
    }

    /// Aborts runs that are going when their budget runs out: a run whose tokens go beyond what it had reserved
    /// and what is left, and all runs of a key when one has ended that used the rest. Each token then takes
    /// the guard's lock.
    #[must_use]
    pub fn abort_running(self) -> Self {
        self.set(|settings| settings.abort_running = true)
    }

    /// Sets how many keys may have a budget of their own in a window; 10,000 is the default. All others draw on one
    /// together.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.set(|settings| settings.max_keys = keys)
    }
}
