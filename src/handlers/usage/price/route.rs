use genai_prices::{Calculator, PriceRequest, Usage as Tokens};

use crate::event::PricedCall;

/// How a call is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// Which of the call's models has a price.
    model: usize,
    by: By,
}

/// By what the provider of a call is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Url,
    Provider,
    /// Nothing: the first provider that says that the model is its own.
    Model,
}

impl Route {
    pub(super) fn find(calculator: &Calculator, call: &PricedCall<'_>) -> Option<Self> {
        let nothing = Tokens::new();
        for model in 0..call.models().count() {
            for by in [By::Url, By::Provider, By::Model] {
                let route = Self { model, by };
                let request = route.request(call, &nothing);
                if request.is_some_and(|request| calculator.calculate(&request).is_ok()) {
                    return Some(route);
                }
            }
        }
        None
    }

    /// Returns the request for a price. `None` if the call lacks what it is looked up by.
    pub(super) fn request<'a>(
        &self,
        call: &PricedCall<'a>,
        tokens: &'a Tokens,
    ) -> Option<PriceRequest<'a>> {
        let request = PriceRequest::new(call.models().nth(self.model)?, tokens);
        let is_known = !matches!(call.provider, "" | "unknown");
        match self.by {
            By::Url => Some(request.with_provider_api_url(call.url?)),
            By::Provider => is_known.then(|| request.with_provider_id(provider_id(call.provider))),
            // At a known provider, a model of the same name may have another price.
            By::Model => (!is_known && call.url.is_none()).then_some(request),
        }
    }
}

/// Returns the id of a provider in genai-prices, which finds most names of OpenTelemetry by itself.
fn provider_id(name: &str) -> &str {
    match name {
        "azure.ai.openai" | "azure.ai.inference" | "az.ai.openai" | "az.ai.inference" => "azure",
        "x_ai" => "x-ai",
        "z_ai" => "zai",
        "gcp.gen_ai" => "google",
        name => name,
    }
}
