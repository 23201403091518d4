use std::{path::Path, time::Duration};

use tower::BoxError;
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer, Registration,
    handlers::JsonLines,
    http_layer::{CallerRules, Provider},
};

use crate::{args::Args, upstream::Upstream};

/// How long the events of all calls gather before they are written. Starts and ends are written at once.
const LINGER: Duration = Duration::from_millis(10);

/// Creates the callbacks, with a handler that writes events if there is a file for them.
pub(crate) fn callbacks(file: Option<&Path>) -> Result<Callbacks, BoxError> {
    let callbacks = Callbacks::new().on_fault(|fault| eprintln!("{fault}"));
    let Some(file) = file else { return Ok(callbacks) };
    let lines = if file == Path::new("-") {
        JsonLines::stdout()
    } else {
        JsonLines::open(file).map_err(|error| format!("--events {}: {error}", file.display()))?
    };
    // One write for the events of several milliseconds, instead of a wake-up of its thread for each.
    Ok(callbacks.add(Registration::blocking(lines).linger(LINGER)))
}

/// Creates the callback layer. Requests other than LLM calls pass through it unobserved.
pub(crate) fn layer(
    callbacks: &Callbacks,
    args: &Args,
    upstream: Option<&Upstream>,
) -> HttpCallbackLayer {
    let layer = HttpCallbackLayer::new(callbacks.clone()).name("gateway").content(args.content);
    let layer = layer.capture_outputs(args.capture_outputs);
    let layer = args.routes.iter().fold(layer, |layer, route| route.add_to(layer));
    // Checked with the arguments.
    let callers = args
        .callers
        .iter()
        .fold(CallerRules::new(), |callers, text| callers.clone().parse(text).unwrap_or(callers));
    let layer = layer.callers(callers);
    let provider = match &args.provider {
        Some(name) => Some(Provider::new(name.as_str())),
        None => upstream.and_then(|upstream| Provider::of_host(upstream.host())),
    };
    match provider {
        Some(provider) => layer.provider(provider.name()),
        None => layer,
    }
}
