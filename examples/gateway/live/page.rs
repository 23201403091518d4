use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use uuid::Uuid;

use super::{Live, feed, host};

const PAGE: &str = include_str!("page.html");

/// For every answer: nobody keeps it, guesses what it is, shows it inside another page, or reads it from one.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

impl Live {
    /// `GET /`, the page, and `GET /events`, what it shows.
    pub(crate) fn router(&self, listening: SocketAddr) -> Router {
        let (all, one) = (self.clone(), self.clone());
        let router = Router::new()
            .route("/", get(page))
            .route("/events", get(async move || events(&all, None)))
            .route(
                "/events/{run}",
                get(async move |Path(run): Path<Uuid>| events(&one, Some(run))),
            );
        router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
            let mut response = if host::is_own(request.headers(), listening) {
                next.run(request).await
            } else {
                (StatusCode::FORBIDDEN, "Ask for it at its own address.").into_response()
            };
            for (name, value) in HEADERS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        }))
    }
}

async fn page() -> Response {
    // Random enough for what it is: no part of the page is written by anybody else.
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
    (headers, PAGE.replace("{nonce}", &nonce)).into_response()
}

fn events(live: &Live, run: Option<Uuid>) -> Response {
    match feed::open(live, run) {
        Some(feed) => {
            let kind = (header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
            ([kind], Body::from_stream(feed)).into_response()
        }
        None => {
            let later = (header::RETRY_AFTER, "5");
            (StatusCode::SERVICE_UNAVAILABLE, [later], "Too many browsers are looking.")
                .into_response()
        }
    }
}
