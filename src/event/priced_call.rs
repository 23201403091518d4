#[cfg(feature = "usage")]
use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::Value;

use super::{LlmResult, LlmStart, Usage};

/// What the price of a model call depends on, as a [`PriceSource`](super::PriceSource) is given it.
///
/// ```
/// use tower_llm_callbacks::{Usage, event::PricedCall};
///
/// let usage = Usage::new(1_000, 50);
/// let mut call = PricedCall::new("anthropic", Some("claude-haiku-4-5"), &usage);
/// call.model = Some("claude-haiku-4-5-20251001");
/// assert_eq!(call.models().collect::<Vec<_>>(), ["claude-haiku-4-5-20251001", "claude-haiku-4-5"]);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PricedCall<'a> {
    /// The provider: [`LlmStart::provider`].
    pub provider: &'a str,
    /// The provider's interface: [`LlmStart::api`]. Empty if it is not known.
    pub api: &'a str,
    /// The absolute URL of the request, without query. `None` if there is no HTTP layer, or if it is that of a server,
    /// which receives paths only.
    pub url: Option<&'a str>,
    /// The requested model.
    pub requested: Option<&'a str>,
    /// The model that answered, as the provider names it.
    pub model: Option<&'a str>,
    /// The counts of tokens and of what is charged by use, and the service tier. Input includes cached tokens, and output reasoning.
    pub usage: &'a Usage,
    /// The provider's own usage object. Its counts of audio, images and searches count where the usage has no details.
    pub usage_raw: Option<&'a Value>,
    /// When the run started. Prices may depend on the date and on the time of day.
    pub time: SystemTime,
}

impl<'a> PricedCall<'a> {
    /// Creates a call of the present, of which only the requested model and the usage are known.
    pub fn new(provider: &'a str, requested: Option<&'a str>, usage: &'a Usage) -> Self {
        Self {
            provider,
            api: "",
            url: None,
            requested,
            model: None,
            usage,
            usage_raw: None,
            time: SystemTime::now(),
        }
    }

    /// Returns the models by which to look up a price: the one that answered, then the requested one.
    pub fn models(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let requested = self.requested.filter(|requested| self.model != Some(requested));
        self.model.into_iter().chain(requested)
    }

    /// Returns the same call with another usage.
    #[must_use]
    pub fn with_usage<'b>(&self, usage: &'b Usage) -> PricedCall<'b>
    where
        'a: 'b,
    {
        PricedCall { usage, usage_raw: None, ..*self }
    }

    /// Returns the counts that are charged. Cohere does not charge for tokens that it adds to the prompt, and reports the others
    /// apart.
    ///
    /// Source: `Usage` in Cohere's API reference.
    #[cfg(feature = "usage")]
    pub(crate) fn charged(&self) -> Cow<'a, Usage> {
        let units = self.usage_raw.and_then(|raw| raw.get("billed_units"));
        // Floats in the schema.
        let count = |name: &str| units?.get(name)?.as_f64().map(|count| count as u64);
        let (input, output) = (count("input_tokens"), count("output_tokens"));
        if input.is_none() && output.is_none() {
            return Cow::Borrowed(self.usage);
        }
        let mut usage = self.usage.clone();
        usage.input_tokens = input.or(usage.input_tokens);
        usage.output_tokens = output.or(usage.output_tokens);
        Cow::Owned(usage)
    }

    /// Returns a call that starts.
    #[cfg(feature = "usage")]
    pub(crate) fn starting(start: &'a LlmStart, usage: &'a Usage, time: SystemTime) -> Self {
        let mut call = Self::new(&start.provider, start.model.as_deref(), usage);
        (call.api, call.url, call.time) = (&start.api, start.absolute_url(), time);
        call
    }

    /// Returns a call that has ended. `None` if its result does not say how many tokens it used.
    pub(crate) fn ended(result: &'a LlmResult, time: SystemTime) -> Option<Self> {
        let (request, usage) = (result.request.as_deref()?, result.usage.as_ref()?);
        let is_known = usage.input_tokens.is_some() || usage.output_tokens.is_some();
        // The rest of an answer that was counted in part: the provider's object is of all of it.
        let is_rest = result.fetched && usage.source.is_estimated();
        is_known.then_some(Self {
            provider: &request.provider,
            api: &request.api,
            url: request.absolute_url(),
            requested: request.model.as_deref(),
            model: result.model.as_deref(),
            usage,
            usage_raw: result.usage_raw.as_ref().filter(|_| !is_rest),
            time,
        })
    }
}

impl LlmStart {
    /// Returns the absolute URL of the request, if it is known and of a usual length.
    pub(crate) fn absolute_url(&self) -> Option<&str> {
        const MAX: usize = 1024;
        let url = &*self.http.as_ref()?.url;
        let scheme = url.split_once("://")?.0;
        let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        (known && url.len() <= MAX).then_some(url)
    }
}
