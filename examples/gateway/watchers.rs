use tower_llm_callbacks::{
    Callbacks, Registration,
    handlers::{Prices, UsageTotals},
};

use crate::{config::Settings, live::LivePage, metrics::Prometheus};

/// What the admin listener shows of calls: the live page, metrics, and what tenants use. Without the listener, nothing.
#[derive(Default)]
pub(crate) struct Watchers {
    handlers: Callbacks,
    /// Without tenants, and with them: settings that are read again may have the first ones.
    metrics: [Callbacks; 2],
    /// Those of the totals, which are replaced.
    prices: Option<Prices>,
    shown: Option<Shown>,
}

/// What is shown of calls.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) page: LivePage,
    pub(crate) prometheus: Prometheus,
    pub(crate) usage: UsageTotals,
}

impl Watchers {
    pub(crate) fn new(settings: &Settings) -> Result<Self, tower::BoxError> {
        if settings.admin.is_none() {
            return Ok(Self::default());
        }
        // Installed before anything is recorded.
        let prometheus = Prometheus::install()?;
        let page = LivePage::new().allow_aborts(settings.admin_abort).mask(settings.mask);
        let usage = UsageTotals::builder().by_provider().by_model().by_metadata("tenant");
        let prices = settings.read_prices().map_err(|problem| problem.to_string())?;
        let usage = match &prices {
            Some(prices) => usage.prices(prices.clone()),
            None => usage,
        };
        let usage = usage.build();
        let metrics =
            [false, true].map(|by_tenant| Callbacks::new().add(prometheus.handler(by_tenant)));
        let handlers = Callbacks::new()
            .add(Registration::inline(usage.clone()).name("usage"))
            .add(page.handler());
        Ok(Self { handlers, metrics, prices, shown: Some(Shown { page, prometheus, usage }) })
    }

    /// Returns the handlers, with metrics by tenant if there are any.
    pub(crate) fn handlers(&self, by_tenant: bool) -> Callbacks {
        self.metrics[usize::from(by_tenant)].clone().merge(&self.handlers)
    }

    pub(crate) fn prices(&self) -> Option<Prices> {
        self.prices.clone()
    }

    pub(crate) fn are_any(&self) -> bool {
        self.shown.is_some()
    }

    pub(crate) fn shown(&self) -> Option<Shown> {
        self.shown.clone()
    }
}
