use tower_llm_callbacks::{Callbacks, Registration, handlers::UsageTotals};

use crate::{config::Settings, live::LivePage, metrics::Prometheus};

/// What the admin listener shows of calls: the live page, metrics, and what tenants use. Without the listener, nothing.
#[derive(Default)]
pub(crate) struct Watchers {
    handlers: Callbacks,
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
        let usage = match settings.prices.read().map_err(|problem| problem.to_string())? {
            Some(prices) => usage.prices(prices),
            None => usage,
        };
        let usage = usage.build();
        let handlers = Callbacks::new()
            .add(prometheus.handler(!settings.tenants.is_empty()))
            .add(Registration::inline(usage.clone()).name("usage"))
            .add(page.handler());
        Ok(Self { handlers, shown: Some(Shown { page, prometheus, usage }) })
    }

    pub(crate) fn handlers(&self) -> &Callbacks {
        &self.handlers
    }

    pub(crate) fn are_any(&self) -> bool {
        self.shown.is_some()
    }

    pub(crate) fn shown(&self) -> Option<Shown> {
        self.shown.clone()
    }
}
