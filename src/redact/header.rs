use std::{borrow::Cow, collections::BTreeMap};

use http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::{
    identity::{self, Identity, has_word},
    personal::is_plain_id,
};

/// The maximum length of a recorded value. Longer values are truncated.
const MAX_VALUE: usize = 512;

/// Useful headers without secrets: request ids, times, retries, versions.
const RECORDED: [&str; 14] = [
    "anthropic-version",
    "apim-request-id",
    "cf-ray",
    "idempotency-key",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-amzn-requestid",
    "x-client-request-id",
    "x-generation-id",
    "x-ms-request-id",
    "x-request-id",
    "x-stainless-retry-count",
];

/// Prefixes of rate limit headers, which are recorded too.
const RATE_LIMITS: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// Parts of the names of headers that hold credentials.
const CREDENTIALS: [&str; 8] =
    ["auth", "token", "secret", "key", "cookie", "signature", "credential", "password"];

/// Returns the headers that may be recorded, by name. The values of a repeated header are joined by commas.
pub(crate) fn recorded(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut recorded = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        if value.is_sensitive() {
            continue;
        }
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        let Some(value) = recorded_value(name.as_str(), value) else { continue };
        let all = recorded.entry(name.as_str().to_owned()).or_default();
        all.push_str(if all.is_empty() { "" } else { ", " });
        all.push_str(&value);
        while all.len() > MAX_VALUE {
            all.pop();
        }
    }
    recorded
}

/// Returns what is recorded of a header's value.
///
/// Of ids, those of sessions, conversations, turns and agents are. Of JSON texts, such as Codex's turn metadata, these members
/// are: the others are not known, and may be anything.
fn recorded_value<'a>(name: &str, value: &'a str) -> Option<Cow<'a, str>> {
    if is_recorded(name) {
        return Some(value.into());
    }
    if is_credential(name) {
        return None;
    }
    // A header that is called `session` may hold a credential.
    if identity::is_session_id(name) {
        return is_plain_id(value).then_some(value.into());
    }
    if !has_word(name, "metadata") {
        return None;
    }
    let members: Map<String, Value> = serde_json::from_str(value).ok()?;
    let is_of_session = |(name, value): &(String, Value)| {
        identity::is_session_id(name)
            && !is_credential(name)
            && value.as_str().is_some_and(is_plain_id)
    };
    let members: Map<String, Value> = members.into_iter().filter(is_of_session).collect();
    (!members.is_empty()).then(|| Value::Object(members).to_string().into())
}

/// Marks credentials, and what identifies a person, as sensitive, so that their values are not printed.
pub(crate) fn mark_sensitive(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if is_credential(name.as_str()) || identity::of(name.as_str()) == Identity::Person {
            value.set_sensitive(true);
        }
    }
}

/// Whether a value identifies a person or a machine, by its name.
pub(crate) fn is_of_person(name: &str) -> bool {
    identity::of(name) == Identity::Person
}

/// Returns a request target without query and user.
pub(crate) fn target(uri: &Uri) -> String {
    let scheme = uri.scheme_str().map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{}", uri.path())
}

fn is_recorded(name: &str) -> bool {
    RECORDED.contains(&name) || RATE_LIMITS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a header may hold a credential, by its name.
pub(crate) fn is_credential(name: &str) -> bool {
    // A browser's client of a WebSocket has no other place for its key. The project identifies a tenant.
    matches!(name, "sec-websocket-protocol" | "x-goog-user-project")
        || (!is_recorded(name) && CREDENTIALS.iter().any(|part| name.contains(part)))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(&'static str, &[u8])]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn only_known_headers_are_recorded() {
        let long = "é".repeat(300);
        let mut all = headers(&[
            ("request-id", b"req_1"),
            ("x-ratelimit-remaining-tokens", b"7"),
            ("anthropic-ratelimit-input-tokens-limit", b"8"),
            ("retry-after", b"3"),
            ("cf-ray", long.as_bytes()),
            ("x-request-id", b"\xFF"),
            ("idempotency-key", b"CANARY"),
            ("content-type", b"text/plain"),
            ("authorization", b"CANARY"),
            ("x-custom", b"CANARY"),
            ("x-claude-code-session-id", b"0199-a"),
            ("thread-id", b"CANARY is no id"),
            ("x-session-token", b"CANARY"),
            ("x-session", b"CANARY"),
            ("user-agent", b"CANARY"),
            ("x-codex-installation-id", b"CANARY"),
            ("x-user-session-id", b"sk-CANARY12345"),
            (
                "x-codex-turn-metadata",
                br#"{"session_id":"s-1","turn_id":"t-1","workspaces":{"CANARY":1},"sandbox":"CANARY","thread_id":["CANARY"]}"#,
            ),
            ("cf-aig-metadata", br#"{"team":"CANARY"}"#),
            ("x-portkey-metadata", b"{CANARY"),
        ]);
        all.get_mut("idempotency-key").unwrap().set_sensitive(true);
        all.append("retry-after", HeaderValue::from_static("4"));
        let recorded = recorded(&all);
        let expected: BTreeMap<_, _> = [
            ("anthropic-ratelimit-input-tokens-limit", "8"),
            ("cf-ray", &long[..MAX_VALUE]),
            ("request-id", "req_1"),
            ("retry-after", "3, 4"),
            ("x-claude-code-session-id", "0199-a"),
            ("x-codex-turn-metadata", r#"{"session_id":"s-1","turn_id":"t-1"}"#),
            ("x-ratelimit-remaining-tokens", "7"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(recorded, expected);
    }

    #[test]
    fn credentials_are_marked() {
        let names = [
            ("authorization", true),
            ("proxy-authorization", true),
            ("x-api-key", true),
            ("api-key", true),
            ("x-goog-api-key", true),
            ("ocp-apim-subscription-key", true),
            ("x-amz-security-token", true),
            ("x-amz-content-signature", true),
            ("cookie", true),
            ("set-cookie", true),
            ("x-auth-token", true),
            ("x-goog-iam-authorization-token", true),
            ("x-goog-user-project", true),
            ("x-litellm-api-key", true),
            ("x-portkey-virtual-key", true),
            ("helicone-auth", true),
            ("cf-access-client-secret", true),
            ("x-vercel-oidc-token", true),
            ("x-my-password", true),
            ("sec-websocket-protocol", true),
            ("x-user-email", true),
            ("chatgpt-account-id", true),
            ("x-codex-installation-id", true),
            ("session-id", false),
            ("idempotency-key", false),
            ("x-ratelimit-limit-tokens", false),
            ("anthropic-ratelimit-output-tokens-reset", false),
            ("content-type", false),
            ("accept", false),
            ("request-id", false),
        ];
        let mut all = HeaderMap::new();
        for (name, _) in names {
            all.append(name, HeaderValue::from_static("a"));
            all.append(name, HeaderValue::from_static("b"));
        }
        mark_sensitive(&mut all);
        for (name, sensitive) in names {
            let marked: Vec<_> = all.get_all(name).iter().map(HeaderValue::is_sensitive).collect();
            assert_eq!(marked, [sensitive; 2], "{name}");
        }
    }

    #[test]
    fn targets() {
        for (uri, expected) in [
            ("https://me:pw@host:8/a/b?key=CANARY", "https://host:8/a/b"),
            ("/v1/models/x:generateContent?key=CANARY", "/v1/models/x:generateContent"),
            ("https://host", "https://host/"),
            ("host:443", "host:443"),
            ("*", "*"),
            ("http://[::1]:80/?a", "http://[::1]:80/"),
        ] {
            assert_eq!(target(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
