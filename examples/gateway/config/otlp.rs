use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use tower_llm_callbacks::handlers::{OtelContent, OtelProfile, SemanticConventions};

use super::{Problem, problem::secret};
use crate::upstream::has_valid_port;

/// A receiver of OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpSettings {
    /// The URL before `/v1/traces`.
    pub(crate) endpoint: String,
    #[serde(default = "service")]
    pub(crate) service: String,
    /// Headers, by the environment variables that hold their values.
    #[serde(default)]
    headers_env: BTreeMap<String, String>,
    /// Further attributes, for backends that read others than the conventions'.
    #[serde(default)]
    profiles: Vec<Profile>,
    #[serde(default)]
    conventions: Conventions,
    /// Where messages are recorded.
    #[serde(default)]
    messages: Messages,
}

fn service() -> String {
    "llm-gateway".to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    OpenInference,
    Langfuse,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Conventions {
    #[default]
    #[serde(rename = "1.41")]
    V1_41,
    Latest,
    Python,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Messages {
    #[default]
    Off,
    Span,
    Event,
    Both,
}

impl OtlpSettings {
    pub(super) fn check(&self, key: &str) -> Result<(), Problem> {
        let uri: Option<Uri> = self.endpoint.parse().ok();
        let has_port = |uri: &Uri| uri.authority().is_some_and(has_valid_port);
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !uri.is_some_and(|uri| is_http(&uri) && has_port(&uri)) {
            let message =
                "expected the URL of a receiver of OTLP over HTTP, such as http://127.0.0.1:4318";
            return Err(Problem::new(format!("{key}.endpoint"), message));
        }
        let has_credentials = |uri: &Uri| {
            uri.query().is_some() || uri.authority().is_some_and(|it| it.as_str().contains('@'))
        };
        if self.endpoint.parse().is_ok_and(|uri| has_credentials(&uri)) {
            let message = "must have neither credentials nor a query: set `headers_env`";
            return Err(Problem::new(format!("{key}.endpoint"), message));
        }
        let path = self.endpoint.trim_end_matches('/');
        if let Some(signal) = ["traces", "metrics", "logs"].iter().find(|signal| {
            path.strip_suffix(*signal).is_some_and(|before| before.ends_with("/v1/"))
        }) {
            let message = format!("leave /v1/{signal} out: it is added for each of the signals");
            return Err(Problem::new(format!("{key}.endpoint"), message));
        }
        self.headers(key).map(drop)
    }

    /// Returns the headers of exports, which may have secrets.
    pub(crate) fn headers(&self, key: &str) -> Result<Vec<(String, String)>, Problem> {
        let header = |(name, variable): (&String, &String)| {
            let key = format!("{key}.headers_env.{name}");
            let value = secret(variable, &key)?;
            match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                (Ok(_), Ok(_)) => Ok((name.clone(), value)),
                (Err(_), _) => Err(Problem::new(key, "the name is not one of a header")),
                _ => Err(Problem::new(
                    key,
                    format!("the value of {variable} is not one of a header"),
                )),
            }
        };
        self.headers_env.iter().map(header).collect()
    }

    pub(crate) fn conventions(&self) -> SemanticConventions {
        match self.conventions {
            Conventions::V1_41 => SemanticConventions::V1_41,
            Conventions::Latest => SemanticConventions::Latest,
            Conventions::Python => SemanticConventions::PythonUtil,
        }
    }

    pub(crate) fn messages(&self) -> OtelContent {
        match self.messages {
            Messages::Off => OtelContent::Off,
            Messages::Span => OtelContent::Span,
            Messages::Event => OtelContent::Event,
            Messages::Both => OtelContent::Both,
        }
    }

    pub(crate) fn profiles(&self) -> impl Iterator<Item = OtelProfile> {
        self.profiles.iter().map(|profile| match profile {
            Profile::OpenInference => OtelProfile::OpenInference,
            Profile::Langfuse => OtelProfile::Langfuse,
        })
    }
}
