use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use genai_prices::{Calculator, Usage as Tokens, UsageKey};

use super::{route::Route, table::costs_as_text, tokens};
use crate::{
    event::{Amount, Price, PriceSource, PricedCall, Usage},
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
        let known = lock(&self.routes).get(&*key).copied();
        known.unwrap_or_else(|| {
            let route = Route::find(self.calculator(), call);
            if key.len() <= MAX_KEY {
                let mut routes = lock(&self.routes);
                if routes.len() >= MAX_ROUTES {
                    routes.clear();
                }
                routes.insert(key.into(), route);
            }
            route
        })
    }

    fn total(&self, priced: &Priced<'_>, tokens: &Tokens, tier: Option<&str>) -> Option<Amount> {
        let request = priced.route.request(priced.call, tokens)?;
        let mut request = request.with_timestamp(priced.call.time);
        // The data has them in lower case.
        let tier = tier.map(str::to_ascii_lowercase);
        if let Some(tier) = &tier {
            request = request.with_price_context("service_tier", tier);
            if tier == "batch" {
                request = request.with_price_context("processing", tier);
            }
        }
        Amount::from_f64(self.calculator().calculate(&request).ok()?.total_price)
    }

    /// Whether the model has a price for a unit. genai-prices does not say, but it refuses a part without its whole.
    fn has_rate(&self, priced: &Priced<'_>, unit: &str) -> bool {
        let wholes =
            [UsageKey::INPUT_TOKENS, UsageKey::CACHE_WRITE_TOKENS, UsageKey::OUTPUT_TOKENS];
        let mut tokens: Tokens = wholes.into_iter().map(|whole| (whole, 0.0)).collect();
        let nothing = self.total(priced, &tokens, None);
        tokens.insert(unit, 1_000.0);
        self.total(priced, &tokens, None) != nothing
    }

    /// Whether a part of the call has no rate, though it may have a price of its own, so that it counts as other tokens do or not
    /// at all.
    fn lacks_rate(&self, priced: &Priced<'_>, usage: &Usage, tokens: &Tokens) -> bool {
        let has = |unit: &str| self.has_rate(priced, unit);
        let hour = UsageKey::CACHE_WRITE_1H_TOKENS;
        let lacks = |name: &str| match tokens::medium(name) {
            Some(_) if costs_as_text(name) => false,
            // A model that only speaks has a price of output alone.
            Some("audio")
                if name.starts_with("output_")
                    && usage.details.get(name).copied() >= usage.output_tokens =>
            {
                false
            }
            // If the data know the medium, it has a price in each direction that differs.
            Some(medium) => {
                !["input", "output"].iter().any(|way| has(&format!("{way}_{medium}_tokens")))
            }
            None => !has(name),
        };
        usage.details.iter().any(|(name, count)| *count > 0 && lacks(name))
            || tokens.get(&hour).is_some_and(|count| count > 0.0) && !has(hour.as_str())
    }
}

/// A call with its charged usage, and how it is looked up.
struct Priced<'a> {
    call: &'a PricedCall<'a>,
    route: &'a Route,
}

impl PriceSource for Genai {
    fn currency(&self) -> Arc<str> {
        "USD".into()
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        if let Some(price) = call.reported_cost() {
            return Some(price);
        }
        let priced = Priced { call, route: &self.route(call)? };
        let usage = &*tokens::charged(call);
        let (tier, special) = (usage.service_tier.as_deref(), usage.special_tier());
        let total = |tokens: &Tokens| self.total(&priced, tokens, tier);
        let plain = tokens::plain(usage);
        let detailed = (!usage.details.is_empty()).then(|| tokens::detailed(usage));
        let known = detailed.and_then(|tokens| Some((total(&tokens)?, tokens)));
        let (amount, tokens) = known.or_else(|| Some((total(&plain)?, plain)))?;
        let mut price = Price::new(self.currency(), amount);
        // A tier without prices has those of the standard one.
        let standard = special.and_then(|_| self.total(&priced, &tokens, None));
        price.estimated = standard == Some(amount) && amount > Amount::ZERO
            || self.lacks_rate(&priced, usage, &tokens);
        Some(price)
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
