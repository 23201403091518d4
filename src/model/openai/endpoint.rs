use http::{HeaderMap, HeaderName, header};

use super::{OpenAiApi, OpenAiConfig};
use crate::model::{ConfigError, base_url::BaseUrl, endpoint::Endpoint, headers};

/// What is wanted of a base URL, and added to it.
pub(super) fn base_url(api: OpenAiApi) -> BaseUrl {
    BaseUrl {
        example: "https://api.openai.com/v1",
        path: match api {
            OpenAiApi::ChatCompletions => "/chat/completions",
            OpenAiApi::Responses => "/responses",
        },
        too_much: &["/completions", "/responses"],
    }
}

pub(super) fn endpoint(config: &OpenAiConfig) -> Result<Endpoint, ConfigError> {
    Ok(Endpoint { uri: base_url(config.api).uri(&config.base_url)?, headers: headers(config)? })
}

fn headers(config: &OpenAiConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = headers::of_json();
    if let Some(key) = &config.api_key {
        if key.expose().is_empty() {
            let what = "the API key must not be empty: for a server without keys, use without_key";
            return Err(ConfigError::new(what));
        }
        headers.insert(header::AUTHORIZATION, headers::bearer(key.expose())?);
    }
    let ids = [
        ("openai-organization", "the organization", &config.organization),
        ("openai-project", "the project", &config.project),
    ];
    for (name, what, id) in ids {
        let Some(id) = id else { continue };
        if id.is_empty() {
            return Err(ConfigError::new(format!("{what} must not be empty")));
        }
        headers.insert(HeaderName::from_static(name), headers::value(what, id)?);
    }
    headers::add(&mut headers, &config.headers)?;
    Ok(headers)
}
