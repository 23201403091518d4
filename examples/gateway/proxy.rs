use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, StatusCode, Version, header},
    response::Response,
};

use crate::{
    clients::Clients,
    hop_by_hop,
    upstream::Upstream,
    upstream_error::{bad_gateway, no_answer},
};

/// A service that sends every request to the upstream as it came, and every answer back.
pub(crate) fn to(upstream: Upstream) -> Router {
    let proxy = Proxy { upstream, clients: Clients::new() };
    Router::new().fallback(async move |request: Request| proxy.forward(request).await)
}

#[derive(Clone)]
struct Proxy {
    upstream: Upstream,
    clients: Clients,
}

impl Proxy {
    async fn forward(&self, mut request: Request) -> Response {
        match self.upstream.uri(request.uri()) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return bad_gateway(&format!("Not a path for an upstream: {error}.")),
        }
        // It is that of the connection it came by; the one it goes by may have another.
        *request.version_mut() = Version::HTTP_11;
        hop_by_hop::remove(request.headers_mut());
        // hyper's client sets the upstream's.
        request.headers_mut().remove(header::HOST);

        let method = request.method().clone();
        match self.clients.request(request).await {
            Ok(response) => passed_on(&method, response),
            Err(error) => no_answer(&self.upstream, &error),
        }
    }
}

fn passed_on(method: &Method, mut response: Response) -> Response {
    *response.version_mut() = Version::HTTP_11;
    hop_by_hop::remove(response.headers_mut());
    let status = response.status();
    if method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        // The length is of the body that a GET would bring. Where the upstream does not tell it, the
        // router must not add that of this empty one.
        response = response.map(|body| Body::from_stream(body.into_data_stream()));
    }
    response
}
