use std::{sync::Arc, time::Duration};

use super::{
    BudgetGuard, SharedBudgetGuard, SharedBudgets,
    key::KeyRule,
    reserve::ReserveRule,
    settings::{BudgetPrices, BudgetSettings},
};
use crate::{
    estimate::UsageEstimator,
    event::{Amount, LlmStart, PriceSource},
    handlers::usage::{Prices, window::Windows},
    run::Run,
};

/// A builder for [`BudgetGuard`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BudgetGuardBuilder {
    settings: BudgetSettings,
}

impl BudgetGuardBuilder {
    pub(super) fn new() -> Self {
        Self { settings: BudgetSettings::new() }
    }

    fn set(mut self, set: impl FnOnce(&mut BudgetSettings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// Limits the tokens of each budget: input and output.
    pub fn tokens(self, limit: u64) -> Self {
        self.set(|settings| settings.limit.tokens = Some(limit))
    }

    /// Limits the money of each budget, in the currency of the [prices](Self::prices).
    pub fn money(self, limit: Amount) -> Self {
        self.set(|settings| settings.limit.money = Some(limit))
    }

    /// Sets the prices of models. A run is charged at the price of the model that answered or, if it has no price, of
    /// the requested model. Reservations use the rates at the start of a run, of the service tier that it requests and for
    /// a short input.
    ///
    /// The budget is kept in the currency that the prices have now. A price in another currency counts as none.
    pub fn prices(self, prices: impl Into<Prices>) -> Self {
        let prices = prices.into();
        let currency = prices.currency();
        self.set(|settings| settings.prices = Some(BudgetPrices { prices, currency }))
    }

    /// Admits calls of models without a price even if money is limited, and charges no money for them. By default
    /// they are aborted with status 400, since clients choose the model.
    pub fn allow_unpriced(self) -> Self {
        self.set(|settings| settings.allow_unpriced = true)
    }

    /// Gives each key a budget of its own. The closure is called at the start of each run; a run for which it returns
    /// `None` draws on no budget.
    ///
    /// ```
    /// use tower_llm_callbacks::handlers::BudgetGuard;
    ///
    /// let guard = BudgetGuard::builder()
    ///     .tokens(100_000)
    ///     .per(|run, start| {
    ///         let user = run.metadata().get("user")?.as_str()?;
    ///         Some(format!("{user} at {}", start.provider))
    ///     })
    ///     .build();
    /// ```
    pub fn per<K: Into<Arc<str>>>(
        self,
        key: impl Fn(&Run, &LlmStart) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let key = move |run: &Run, start: &LlmStart| key(run, start).map(Into::into);
        self.set(|settings| settings.key = KeyRule::Closure(Arc::new(key)))
    }

    /// Gives each requested model a budget of its own.
    pub fn per_model(self) -> Self {
        self.set(|settings| settings.key = KeyRule::Model)
    }

    /// Gives each tag that begins with a prefix a budget of its own. A run draws on the budget of its first such tag.
    /// Runs without such a tag share a budget, whose key is empty.
    pub fn per_tag(self, prefix: &str) -> Self {
        self.set(|settings| settings.key = KeyRule::Tag(prefix.into()))
    }

    /// Gives each metadata value under a key a budget of its own: a string, a number or a boolean. Runs without such
    /// a value share a budget, whose key is empty.
    pub fn per_metadata(self, key: &str) -> Self {
        self.set(|settings| settings.key = KeyRule::Metadata(key.into()))
    }

    /// Renews budgets in windows of this length. The first window starts now. A run draws on the budget of the window
    /// in which it starts.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    pub fn every(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::new(length)))
    }

    /// Like [`every`](Self::every), but windows start at multiples of their length in UTC: hours on the hour, days at
    /// midnight.
    ///
    /// # Panics
    ///
    /// If the length is zero.
    pub fn every_aligned(self, length: Duration) -> Self {
        self.set(|settings| settings.windows = Some(Windows::aligned(length)))
    }

    /// Sets the number of tokens that a run reserves at its start, at the price of output. The default is the estimate of
    /// the request, and the request's limit for the answer (`max_tokens` or the provider's equivalent) times the number of
    /// choices and of prompts, or 0 if it has no limit.
    pub fn reserve(self, tokens: u64) -> Self {
        self.set(|settings| settings.reserve = ReserveRule::Tokens(tokens))
    }

    /// Sets a closure that returns the number of tokens each run reserves at its start, at the price of output.
    pub fn reserve_with(
        self,
        estimate: impl Fn(&Run, &LlmStart) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.reserve = ReserveRule::Closure(Arc::new(estimate)))
    }

    /// Limits the tokens of each answer, by a running estimate: no less than the pieces that the provider sends.
    pub fn max_run_tokens(self, tokens: u64) -> Self {
        self.set(|settings| settings.max_run_tokens = Some(tokens))
    }

    /// Limits the cost of each run: of its request and of its answer, by estimates, at the rates of the requested model.
    pub fn max_run_cost(self, cost: Amount) -> Self {
        self.set(|settings| settings.max_run_cost = Some(cost))
    }

    /// Aborts running calls when their budget runs out: a run whose tokens exceed its reservation and what the budget
    /// has left, and all runs of a key when a run that ends has used the rest.
    pub fn abort_running(self) -> Self {
        self.set(|settings| settings.abort_running = true)
    }

    /// Sets the maximum number of keys with a budget of their own in a window (default 10,000). Further keys share
    /// one budget.
    pub fn max_keys(self, keys: usize) -> Self {
        self.set(|settings| settings.max_keys = keys)
    }

    /// Sets how the tokens of requests are estimated. The default is a
    /// [`WordEstimator`](crate::estimate::WordEstimator) that learns nothing. Share one with the layer, which teaches it:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tower_llm_callbacks::{CallbackLayer, Callbacks, estimate::WordEstimator, handlers::BudgetGuard};
    ///
    /// let estimator = Arc::new(WordEstimator::new());
    /// let guard = BudgetGuard::builder().tokens(1_000_000).usage_estimator(estimator.clone()).build();
    /// let layer = CallbackLayer::new(Callbacks::new().inline(guard)).usage_estimator(estimator);
    /// ```
    pub fn usage_estimator(self, estimator: Arc<dyn UsageEstimator>) -> Self {
        self.set(|settings| settings.estimator = estimator)
    }

    /// Builds the guard.
    #[must_use]
    pub fn build(self) -> BudgetGuard {
        BudgetGuard::with_settings(self.settings)
    }

    /// Builds a guard with these settings that continues the budgets of another one: what was spent stays spent, and the
    /// calls in flight are counted on. For a limit that is changed while calls run, with
    /// [`Reloadable`](crate::callbacks::Reloadable).
    ///
    /// Budgets begin anew if the length of the windows or the currency is another.
    ///
    /// ```
    /// use tower_llm_callbacks::handlers::BudgetGuard;
    ///
    /// let guard = BudgetGuard::builder().tokens(1_000).build();
    /// let larger = BudgetGuard::builder().tokens(2_000).build_continuing(&guard);
    /// ```
    #[must_use]
    pub fn build_continuing(self, former: &BudgetGuard) -> BudgetGuard {
        BudgetGuard::continuing(self.settings, former)
    }

    /// Builds a guard whose budgets several processes share.
    ///
    /// # Panics
    ///
    /// If the windows are not [aligned](Self::every_aligned), since processes would not agree on them, or if it is not
    /// called in a tokio runtime with timers.
    #[must_use]
    pub fn build_shared(self, budgets: SharedBudgets) -> SharedBudgetGuard {
        SharedBudgetGuard::with_settings(self.settings, budgets)
    }
}
