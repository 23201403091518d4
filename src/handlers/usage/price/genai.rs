use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use genai_prices::{Calculator, Usage as Tokens};

use super::{route::Route, tokens};
use crate::{
    event::{Amount, Price, PriceSource, PricedCall},
    sync::lock,
};

/// The prices of genai-prices.
pub(super) struct Genai {
    data: Data,
    /// How calls are looked up, by what they are looked up with: matching names may take a fifth of a millisecond.
    routes: Mutex<HashMap<Box<str>, Option<Route>>>,
}

pub(super) enum Data {
    Bundled(&'static Calculator),
    Read(Calculator),
}

/// The bound on remembered routes, for clients choose the names of models.
const MAX_ROUTES: usize = 1_024;
/// The bound on a remembered key.
const MAX_KEY: usize = 512;
/// The bound on a model's name. Longer ones have no price.
const MAX_MODEL: usize = 256;

impl Genai {
    pub(super) fn new(data: Data) -> Self {
        Self { data, routes: Mutex::default() }
    }

    fn calculator(&self) -> &Calculator {
        match &self.data {
            Data::Bundled(calculator) => calculator,
            Data::Read(calculator) => calculator,
        }
    }

    /// Returns how a call is looked up. `None` if its model has no price.
    fn route(&self, call: &PricedCall<'_>) -> Option<Route> {
        if call.models().any(|model| model.len() > MAX_MODEL) {
            return None;
        }
        let parts = [Some(call.provider), call.url, call.requested, call.model];
        let key = parts.map(Option::unwrap_or_default).join("\0");
        let known = lock(&self.routes).get(&*key).cloned();
        known.unwrap_or_else(|| {
            let route = Route::find(self.calculator(), call);
            if key.len() <= MAX_KEY {
                let mut routes = lock(&self.routes);
                if routes.len() >= MAX_ROUTES {
                    routes.clear();
                }
                routes.insert(key.into(), route.clone());
            }
            route
        })
    }

    fn total(&self, call: &PricedCall<'_>, route: &Route, tokens: &Tokens) -> Option<Amount> {
        let mut request = route.request(call, tokens)?.with_timestamp(call.time);
        if let Some(tier) = call.usage.service_tier.as_deref() {
            request = request.with_price_context("service_tier", tier);
            if tier == "batch" {
                request = request.with_price_context("processing", tier);
            }
        }
        Amount::from_f64(self.calculator().calculate(&request).ok()?.total_price)
    }
}

impl PriceSource for Genai {
    fn currency(&self) -> Arc<str> {
        "USD".into()
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        if let Some(price) = call.reported_cost() {
            return Some(price);
        }
        let route = self.route(call)?;
        let charged = call.charged();
        let call = &PricedCall { usage: &charged, ..*call };
        let detailed = tokens::detailed(self.calculator(), &route.provider, call);
        let detailed = detailed.and_then(|tokens| self.total(call, &route, &tokens));
        let amount = detailed.or_else(|| self.total(call, &route, &tokens::normalised(call.usage)));
        Some(Price::new(self.currency(), amount?))
    }
}

impl fmt::Debug for Genai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Genai").field(self.calculator()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Usage;

    #[test]
    fn random_names_do_not_pile_up() {
        let genai = Genai::new(Data::Bundled(Calculator::bundled()));
        let usage = Usage::new(1, 1);
        for number in 0..100_000 {
            let name = format!("{number:x>200}");
            let call = PricedCall::new("nobody", Some(&name), &usage);
            assert!(genai.price_of(&call).is_none());
        }
        let long = "x".repeat(MAX_MODEL);
        let mut call = PricedCall::new("nobody", Some(&long), &usage);
        call.model = Some(&long[1..]);
        assert!(genai.price_of(&call).is_none());
        let routes = lock(&genai.routes);
        assert!(routes.len() <= MAX_ROUTES && routes.keys().all(|key| key.len() <= MAX_KEY));
    }
}
