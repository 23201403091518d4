use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{self, connect::HttpConnector};

use crate::{
    client::{HttpClient, client, connector},
    gathered::Gathered,
    reused::Reused,
};

/// The maximum number of concurrent calls of a client. A client has one HTTP/2 connection to a host, on which servers
/// allow a hundred streams or a few more. Further calls would silently wait for another stream to end.
const MAX_CALLS: usize = 100;

/// A pool of clients that grows with the number of concurrent calls.
#[derive(Clone)]
pub(crate) struct Clients {
    connector: HttpsConnector<HttpConnector>,
    clients: Arc<Mutex<Vec<PooledClient>>>,
}

struct PooledClient {
    client: HttpClient,
    /// Counts the client's calls. The pool holds one reference itself.
    permit: Arc<CallPermit>,
}

/// Held by a call from its request to the end of its response.
struct CallPermit;

impl Clients {
    pub(crate) fn new() -> Self {
        Self { connector: connector(), clients: Arc::default() }
    }

    pub(crate) async fn request(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, legacy::Error> {
        let (client, permit) = self.available();
        let response = client.request(request).await?;
        Ok(response.map(|body| Body::new(Gathered::new(Reused::new(body, permit)))))
    }

    /// Returns the first client with capacity, so that the last ones become idle when load decreases.
    fn available(&self) -> (HttpClient, Arc<CallPermit>) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let has_capacity = |pooled: &&PooledClient| Arc::strong_count(&pooled.permit) <= MAX_CALLS;
        if let Some(PooledClient { client, permit }) = clients.iter().find(has_capacity) {
            return (client.clone(), Arc::clone(permit));
        }
        let (client, permit) = (client(self.connector.clone()), Arc::new(CallPermit));
        clients.push(PooledClient { client: client.clone(), permit: Arc::clone(&permit) });
        (client, permit)
    }
}
