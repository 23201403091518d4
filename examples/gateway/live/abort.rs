use axum::http::{HeaderMap, StatusCode, header};
use tower_llm_callbacks::Abort;
use uuid::Uuid;

use super::LivePage;

/// The header that carries the page's token. A page of another origin can neither read the token nor send the header.
const TOKEN: &str = "x-abort-token";

impl LivePage {
    /// Aborts a running call, if `--admin-abort` allows it and the request comes from this page.
    pub(super) fn abort(&self, id: Uuid, headers: &HeaderMap) -> (StatusCode, &'static str) {
        let Some(token) = self.abort_token() else {
            return (StatusCode::NOT_FOUND, "Calls can be aborted with --admin-abort only.");
        };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST.as_str()).unwrap_or_default();
        let origin = text(header::ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
        let is_own = origin.is_none_or(|(_, origin)| origin.eq_ignore_ascii_case(host));
        if !is_own || text(TOKEN) != Some(token) {
            return (StatusCode::FORBIDDEN, "The request is not that of this page.");
        }
        // Not under the lock: an abort wakes the call's task.
        let run = self.runs().get(id).and_then(|entry| entry.run.clone());
        match run {
            Some(run) if run.abort(Abort::new("aborted by the operator")) => {
                (StatusCode::ACCEPTED, "The call is aborted.")
            }
            _ => (StatusCode::CONFLICT, "The run has ended, or is not a call of this process."),
        }
    }
}
