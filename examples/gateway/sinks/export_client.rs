use std::{fmt, time::Duration};

use axum::{body::Body, http::Request};
use http_body_util::{BodyExt, Limited};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Response};
use tokio::{runtime::Handle, time::timeout};

use super::{PartialSuccess, Signal, Signals};
use crate::client::{HttpClient as Client, client, connector};

/// How long an export may take.
const LONGEST: Duration = Duration::from_secs(10);

/// How large the response to an export may be.
const RESPONSE: usize = 1 << 20;

/// The HTTP client of exporters, which have threads of their own: requests are made in the gateway's runtime.
pub(super) struct ExportClient {
    client: Client,
    runtime: Handle,
    pub(super) signals: Signals,
}

impl ExportClient {
    /// Creates a client. Must be called in a runtime.
    pub(super) fn new() -> Self {
        let (client, runtime) = (client(connector()), Handle::current());
        Self { client, runtime, signals: Signals::default() }
    }
}

#[async_trait::async_trait]
impl HttpClient for ExportClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let signal = Signal::of_path(request.uri().path());
        let export = async move {
            let response = client.request(request.map(Body::from)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, RESPONSE).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        // The timer has to be made in the runtime too.
        let response = self.runtime.spawn(async { timeout(LONGEST, export).await });
        let response = match response.await {
            Ok(Ok(response)) => response,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(dropped) => Err(dropped.into()),
        };
        let is_success = response.as_ref().is_ok_and(|it| it.status().is_success());
        let body = response.as_ref().ok().filter(|_| is_success).map(Response::body);
        let partial = body.and_then(|body| PartialSuccess::of(body));
        if let (Some(signal), Some(partial)) = (signal, &partial)
            // Metrics are totals: the next export has them.
            && signal != Signal::Metrics
        {
            self.signals.lost(signal, partial.rejected());
        }
        let failed = !is_success || partial.is_some();
        if let Some(signal) = signal
            && self.signals.exported(signal, failed)
        {
            let name = signal.name();
            match (&response, &partial) {
                (Ok(_), Some(partial)) => {
                    let (rejected, message) = (partial.rejected(), &partial.message);
                    eprintln!("OTLP: the receiver rejects {rejected} of the {name}: {message}");
                }
                (Ok(response), None) if failed => {
                    eprintln!("OTLP: exports of {name} fail: status {}", response.status());
                }
                (Err(error), _) => eprintln!("OTLP: exports of {name} fail: {error}"),
                (Ok(_), None) => eprintln!("OTLP: exports of {name} succeed again"),
            }
        }
        response
    }
}

impl fmt::Debug for ExportClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportClient").finish_non_exhaustive()
    }
}
