use std::{sync::Arc, time::SystemTime};

use super::new_run::NewRun;
use crate::{
    event::{LlmResult, LlmStart, PriceSource, PricedCall, RunCost},
    handler::EventMask,
    panics::catch,
};

/// The prices of a model call, and what they depend on that its result does not repeat.
pub(super) struct Pricing {
    source: Arc<dyn PriceSource>,
    url: Option<Box<str>>,
    time: SystemTime,
}

impl Pricing {
    /// `None` without prices, or if no handler receives the end of the call.
    pub(super) fn of(new_run: &NewRun, start: Option<&LlmStart>) -> Option<Box<Self>> {
        let source = Arc::clone(new_run.prices.as_ref()?);
        let ends = EventMask::LLM_END | EventMask::LLM_ERROR;
        let asked = new_run.members.iter().any(|member| member.slot.event_mask.intersects(ends));
        let url = start.and_then(LlmStart::absolute_url).map(Into::into);
        let time = new_run.run.start_time();
        asked.then(|| Box::new(Self { source, url, time }))
    }

    pub(super) fn cost(&self, result: &LlmResult) -> Option<RunCost> {
        let call = PricedCall::ended(result, self.url.as_deref(), self.time)?;
        // The source may be user code, and the run may be ending in a drop.
        let price = catch(|| self.source.price_of(&call)).unwrap_or_else(|_| {
            tracing::error!(target: "tower_llm_callbacks", "a source of prices panicked");
            None
        })?;
        Some(RunCost::new(price.currency, price.amount, call.usage))
    }
}
