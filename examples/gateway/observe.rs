use tower_llm_callbacks::{HttpCallbackLayer, handlers::Prices, http_layer::CallerRules};

use crate::config::Settings;

/// Sets what a layer reads of calls. Other requests pass through it unobserved.
pub(crate) fn with(
    layer: HttpCallbackLayer,
    settings: &Settings,
    prices: Option<&Prices>,
) -> HttpCallbackLayer {
    let layer = settings.routes.iter().fold(layer, |layer, route| route.add_to(layer));
    let callers = settings.callers.iter();
    let callers = callers.fold(CallerRules::new(), |rules, it| it.add_to(rules));
    let layer = layer.callers(callers).capture_outputs(settings.capture_outputs);
    let layer = match settings.limits.captured_request {
        Some(bytes) => layer.max_request_bytes(bytes.as_usize()),
        None => layer,
    };
    let layer = match &settings.provider {
        // Of the calls to a simulated provider.
        Some(name) if settings.upstream.is_none() && settings.upstreams.is_empty() => {
            layer.provider(name.as_str())
        }
        _ => layer,
    };
    match prices {
        Some(prices) => layer.prices(prices.clone()),
        None => layer,
    }
}
