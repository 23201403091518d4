use std::collections::HashMap;

use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tower_llm_callbacks::ContentCapture;

use crate::{
    config::{BudgetSettings, KeyHash, Problem, Settings},
    query_key,
};

/// The headers that clients send keys in, without the prefix `Bearer` that some have.
pub(crate) const KEYS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// Who may call, by key.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    pub(crate) all: Vec<Tenant>,
    by_key: HashMap<KeyHash, usize>,
}

/// Who calls.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) content: ContentCapture,
    pub(crate) budget: Option<BudgetSettings>,
}

impl Tenants {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Problem> {
        let mut tenants = Self::default();
        let content = settings.content.map(|content| content.0).unwrap_or_default();
        for (at, it) in settings.tenants.iter().enumerate() {
            let key = format!("tenants[{at}]");
            if tenants.all.iter().any(|tenant| tenant.name == it.name) {
                let message =
                    format!("`{}` is the name of another tenant: name it otherwise", it.name);
                return Err(Problem::new(format!("{key}.name"), message));
            }
            for hash in it.keys(&key)? {
                if tenants.by_key.insert(hash, at).is_some() {
                    return Err(Problem::new(key, "one of its keys is given twice: remove it"));
                }
            }
            tenants.all.push(Tenant {
                name: it.name.clone(),
                content: it.content.map_or(content, |content| content.0),
                budget: it.budget.clone().or_else(|| settings.budget.clone()),
            });
        }
        Ok(tenants)
    }

    /// Returns the number of the tenant whose key is in the headers or the query, or the response to a request without one.
    pub(crate) fn identify(&self, request: &Request) -> Result<usize, Box<Response>> {
        // By their hashes, so that the time of the comparison says nothing about the keys.
        let names = KEYS;
        let values = names.iter().filter_map(|name| request.headers().get(name));
        let keys = values.filter_map(key).map(str::to_owned).chain(query_key::keys(request.uri()));
        let mut found = keys.filter_map(|key| self.by_key.get(&KeyHash::of(&key)));
        found.next().copied().ok_or_else(|| Box::new(unauthorized()))
    }
}

fn key(value: &HeaderValue) -> Option<&str> {
    let value = value.to_str().ok()?;
    let bearer = value.split_at_checked("bearer ".len());
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    Some(bearer.map_or(value, |(_, key)| key).trim())
}

/// An error that clients of all usual APIs can read.
fn unauthorized() -> Response {
    let error = json!({"type": "error", "error": {
        "type": "authentication_error",
        "code": "invalid_api_key",
        "status": "UNAUTHENTICATED",
        "message": "The API key is missing or not known to this gateway: send the key of a tenant, as \
            `authorization: Bearer KEY`, `x-api-key`, `x-goog-api-key`, `api-key` or `?key=`.",
    }});
    (StatusCode::UNAUTHORIZED, Json(error)).into_response()
}
