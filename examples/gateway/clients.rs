use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::{Request, Response},
};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{self, connect::HttpConnector};

use crate::client::{HttpClient, client, connector};

/// Calls of one client at a time. Over HTTP/2 a client has one connection to a host, on which servers
/// allow a hundred streams or a few more; what is beyond waits until another stream ends, unnoticed.
const CALLS: usize = 100;

/// As many clients as there are hundreds of calls.
#[derive(Clone)]
pub(crate) struct Clients {
    connector: HttpsConnector<HttpConnector>,
    clients: Arc<Mutex<Vec<Shared>>>,
}

struct Shared {
    client: HttpClient,
    /// Held once here, too.
    call: Arc<Call>,
}

/// A call holds one from its request to the end of its answer.
struct Call;

impl Clients {
    pub(crate) fn new() -> Self {
        Self { connector: connector(), clients: Arc::default() }
    }

    pub(crate) async fn request(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, legacy::Error> {
        let (client, call) = self.free();
        let response = client.request(request).await?;
        Ok(response.map(|body| Body::new(Answer { body, _call: call })))
    }

    /// The first client with room, so that the last ones go idle when there is less to do.
    fn free(&self) -> (HttpClient, Arc<Call>) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |shared: &&Shared| Arc::strong_count(&shared.call) <= CALLS;
        if let Some(Shared { client, call }) = clients.iter().find(has_room) {
            return (client.clone(), Arc::clone(call));
        }
        let (client, call) = (client(self.connector.clone()), Arc::new(Call));
        clients.push(Shared { client: client.clone(), call: Arc::clone(&call) });
        (client, call)
    }
}

/// The answer's body, unchanged.
struct Answer {
    body: Incoming,
    _call: Arc<Call>,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
