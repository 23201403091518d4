use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, StatusCode, Version, header},
    response::Response,
};

use crate::{
    clients::Clients,
    hop_by_hop, location, provider_key,
    targets::Target,
    upload::Upload,
    upstream_error::{bad_gateway, no_request, no_response, no_upstream},
};

/// Returns a service that forwards every request to the upstream in its extensions, and every response back, unchanged but
/// for locations at the upstream.
pub(crate) fn router(clients: Clients) -> Router {
    let proxy = Proxy { clients };
    Router::new().fallback(async move |request: Request| proxy.forward(request).await)
}

#[derive(Clone)]
struct Proxy {
    clients: Clients,
}

impl Proxy {
    async fn forward(&self, mut request: Request) -> Response {
        let Some(target) = request.extensions_mut().remove::<Arc<Target>>() else {
            return no_upstream();
        };
        let upstream = &target.upstream;
        match upstream.uri(request.uri()) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return bad_gateway(&format!("Invalid path for the upstream: {error}.")),
        }
        // The version of the client's connection. The connection to the upstream may use another one.
        *request.version_mut() = Version::HTTP_11;
        hop_by_hop::remove(request.headers_mut());
        provider_key::replace(&mut request, &target);
        // hyper's client sets the upstream's host.
        request.headers_mut().remove(header::HOST);

        let method = request.method().clone();
        let upload = Upload::default();
        let request = request.map(|body| upload.watch(body));
        match self.clients.request(request).await {
            Ok(mut response) => {
                location::rewrite(response.headers_mut(), upstream);
                forwarded(&method, response)
            }
            Err(error) => match upload.failure() {
                Some(status) => no_request(status),
                None => no_response(upstream, &error),
            },
        }
    }
}

fn forwarded(method: &Method, mut response: Response) -> Response {
    *response.version_mut() = Version::HTTP_11;
    hop_by_hop::remove(response.headers_mut());
    let status = response.status();
    if method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        // `Content-Length` is that of the response to a GET. If the upstream omits it, the router must not add the
        // length of this empty body.
        response = response.map(|body| Body::from_stream(body.into_data_stream()));
    }
    response
}
