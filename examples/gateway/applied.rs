use std::sync::Arc;

use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer,
    event::PriceSource,
    handlers::{HandlerMetrics, Prices},
};

use crate::{
    budgets::Budgets,
    clients::Clients,
    config::{Loaded, Problem},
    no_prices::NoPrices,
    observe,
    sinks::{Former, Sinks},
    stack::Stack,
    state::State,
    targets::Targets,
    tenants::Tenants,
    uploads::Uploads,
    watchers::Watchers,
};

/// What the settings that apply have made. Used where it may take long to open a file.
pub(crate) struct Applied {
    loaded: Option<Loaded>,
    pub(crate) sinks: Sinks,
    budgets: Arc<Budgets>,
    metrics: Option<HandlerMetrics>,
    prices: Option<Prices>,
}

impl Applied {
    pub(crate) fn new(former: Former, watchers: &Watchers) -> Self {
        Self {
            loaded: None,
            sinks: Sinks::new(former),
            budgets: Arc::default(),
            metrics: None,
            prices: watchers.prices(),
        }
    }

    pub(crate) fn state(&self) -> State {
        State {
            sinks: self.sinks.present(),
            budgets: Arc::clone(&self.budgets),
            metrics: self.metrics.clone(),
            problem: None,
        }
    }

    /// Reads the file again. `None` if there is no file.
    pub(crate) fn again(&self) -> Option<Result<Loaded, BoxError>> {
        let loaded = self.loaded.as_ref().filter(|loaded| loaded.settings.config.is_some())?;
        Some(loaded.again().map_err(BoxError::from))
    }

    /// Makes the handlers and the services of settings. What is the same as before goes on: sinks, and what is spent of
    /// budgets. If something fails, nothing is changed.
    pub(crate) fn apply(
        &mut self,
        loaded: Loaded,
        layer: &HttpCallbackLayer,
        clients: &Clients,
        watchers: &Watchers,
        uploads: &Arc<Uploads>,
    ) -> Result<(Callbacks, Stack), BoxError> {
        let settings = &loaded.settings;
        let explained = |problem| loaded.message(&problem);
        let tenants = Tenants::read(settings).map_err(explained)?;
        let targets = Targets::read(settings).map_err(explained)?;
        let prices = settings.read_prices().map_err(explained)?;
        if let (Some(live), Some(new)) = (&self.prices, &prices)
            && live.currency() != new.currency()
        {
            // Totals and budgets have sums in it.
            let message = format!(
                "their currency changes from {} to {}: restart the gateway",
                live.currency(),
                new.currency()
            );
            return Err(explained(Problem::new("prices", message)).into());
        }
        let sinks = self.sinks.apply(settings).map_err(explained)?;

        if let Some(before) = &self.loaded {
            for key in before.settings.restart_keys_that_differ(settings) {
                eprintln!("`{key}` has changed: it applies after a restart");
            }
        }
        self.prices = match (self.prices.take(), prices) {
            // Guards, layers and totals that go on have the new prices too.
            (Some(live), new) => {
                let none = || Prices::new(NoPrices { currency: live.currency() });
                live.replace(new.unwrap_or_else(none));
                Some(live)
            }
            (None, new) => new,
        };
        self.budgets = Arc::new(self.budgets.of(settings, &tenants, self.prices.as_ref()));

        let mut set = Callbacks::new().on_fault(|fault| eprintln!("{fault}"));
        if let Some(guard) = self.budgets.guard("") {
            set = set.merge(guard);
        }
        set = set.merge(watchers.handlers(!settings.tenants.is_empty())).merge(sinks);
        if watchers.are_any() {
            // Last, so that it counts the faults of all handlers.
            let (observed, metrics) = HandlerMetrics::observe(set);
            (set, self.metrics) = (observed, Some(metrics));
        }
        let layer = observe::with(layer.clone(), settings, self.prices.as_ref());
        let stack =
            Stack::new(settings, (tenants, targets), &self.budgets, &layer, clients, uploads);
        self.loaded = Some(loaded);
        Ok((set, stack))
    }
}
