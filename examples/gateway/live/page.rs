use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use uuid::Uuid;

use super::{LivePage, feed};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// One script: each part uses those before it.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/text.js"),
    include_str!("page/runs.js"),
    include_str!("page/hold.js"),
    include_str!("page/overview.js"),
    include_str!("page/filters.js"),
    include_str!("page/table.js"),
    include_str!("page/details.js"),
    include_str!("page/start.js"),
);

/// Headers of every response: no caching, no content sniffing, no embedding into other pages, no reading by them.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

impl LivePage {
    /// Returns the router of the page (`GET /`) and of its events (`GET /events`, `GET /events/{run}`).
    pub(crate) fn router(&self, listening: SocketAddr, others: Router) -> Router {
        let (html, all, one, run, abort) =
            (self.clone(), self.clone(), self.clone(), self.clone(), self.clone());
        let router = Router::new()
            .route("/", get(async move || page(&html)))
            .route("/runs/{run}", get(async move |Path(id): Path<Uuid>| json(&run, id)))
            .route(
                "/runs/{run}/abort",
                post(async move |Path(id): Path<Uuid>, headers: HeaderMap| {
                    abort.abort(id, &headers)
                }),
            )
            .route("/events", get(async move || events(&all, None)))
            .route("/events/{run}", get(async move |Path(run): Path<Uuid>| events(&one, Some(run))))
            .merge(others);
        router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
            let mut response = if is_own_host(request.headers(), listening) {
                next.run(request).await
            } else {
                (StatusCode::FORBIDDEN, "The Host header must name this server.").into_response()
            };
            for (name, value) in HEADERS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        }))
    }
}

/// Returns whether a request's `Host` is valid. On loopback it must name loopback: otherwise a web page whose domain
/// resolves to this address (DNS rebinding) could read prompts in a visitor's browser.
fn is_own_host(headers: &HeaderMap, listening: SocketAddr) -> bool {
    if !listening.ip().is_loopback() {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Returns what is kept of a run, to be copied or saved.
fn json(page: &LivePage, id: Uuid) -> Response {
    let kept =
        page.runs().get(id).map(|entry| serde_json::to_string_pretty(entry).unwrap_or_default());
    let kind = (header::CONTENT_TYPE, "application/json");
    match kept {
        Some(json) => ([kind], json).into_response(),
        None => (StatusCode::NOT_FOUND, "This run is no longer kept.").into_response(),
    }
}

fn page(page: &LivePage) -> Response {
    // UUIDs are random enough here: the page's own markup contains no foreign text.
    let nonce = format!("{}{}", Uuid::now_v7().simple(), Uuid::now_v7().simple());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, &policy),
    ];
    let parts = [
        ("{nonce}", &*nonce),
        ("{abort-token}", page.abort_token().unwrap_or_default()),
        ("{style}", STYLE),
        ("{script}", SCRIPT),
    ];
    let html = parts.iter().fold(PAGE.to_owned(), |html, (name, part)| html.replace(name, part));
    (headers, html).into_response()
}

fn events(page: &LivePage, run: Option<Uuid>) -> Response {
    match feed::open(page, run) {
        Some(feed) => {
            let kind = (header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
            ([kind], Body::from_stream(feed)).into_response()
        }
        None => {
            let retry = (header::RETRY_AFTER, "5");
            (StatusCode::SERVICE_UNAVAILABLE, [retry], "Too many browsers are connected.")
                .into_response()
        }
    }
}
