use std::{fmt, sync::Arc};

use crate::wire;

/// The name of the provider that a request is sent to, in the request's extensions.
///
/// A proxy with several upstreams chooses one for each request, outside the layer, and the request itself does not say
/// which. With this in its extensions, the run has the provider of the upstream that was chosen. What the layer itself
/// [sets](crate::HttpCallbackLayer::provider) precedes it.
///
/// Names are those of `gen_ai.provider.name` in OpenTelemetry's GenAI conventions where it has one: `openai`,
/// `aws.bedrock`, `mistral_ai` …
///
/// ```
/// use axum::{Router, extract::Request, middleware::map_request, routing::post};
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::Provider};
///
/// async fn choose(mut request: Request) -> Request {
///     // The upstream it chose.
///     let host = "api.groq.com";
///     if let Some(provider) = Provider::of_host(host) {
///         request.extensions_mut().insert(provider);
///     }
///     request
/// }
///
/// let gateway: Router = Router::new()
///     .route("/v1/chat/completions", post(|| async { "…" }))
///     .layer(HttpCallbackLayer::new(Callbacks::new()))
///     .layer(map_request(choose));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Provider(Arc<str>);

impl Provider {
    /// Creates a provider with a name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the provider at a host, such as `api.groq.com` or `my-resource.openai.azure.com`, if it is a known one. The
    /// host may have a port.
    ///
    /// ```
    /// use tower_llm_callbacks::http_layer::Provider;
    ///
    /// assert_eq!(Provider::of_host("api.x.ai:443"), Some(Provider::new("x_ai")));
    /// assert_eq!(Provider::of_host("gateway.example"), None);
    /// ```
    pub fn of_host(host: &str) -> Option<Self> {
        wire::of_host(host).map(Self::new)
    }

    pub(super) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.name()).finish()
    }
}
