use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header::CONTENT_LENGTH, request, response};
use http_body::Body;

use super::{
    RequestBody, TracePropagation,
    capture::Capture,
    reader::{Reader, content_type},
    response_body::Told,
    routes::Matched,
    start::{Asked, start},
};
use crate::{
    callbacks::{Emitter, Opened},
    wire::Format,
};

/// A call whose request is still coming. Dropped like that, it is told as started and cancelled.
pub(super) struct Waiting<B: Body> {
    request: Option<(request::Parts, Capture<B>)>,
    opened: Option<Opened>,
    matched: Matched,
    limit: usize,
    propagation: TracePropagation,
}

impl<B: Body> Waiting<B> {
    pub(super) fn new(
        head: request::Parts,
        capture: Capture<B>,
        opened: Opened,
        matched: Matched,
        (limit, propagation): (usize, TracePropagation),
    ) -> Box<Self> {
        let (request, opened) = (Some((head, capture)), Some(opened));
        Box::new(Self { request, opened, matched, limit, propagation })
    }

    /// Waits until the request's body is there, as far as it is captured.
    pub(super) fn poll_captured(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.request {
            Some((_, capture)) => capture.poll(cx),
            None => Poll::Ready(()),
        }
    }

    /// Starts the run, and gives the request to call the inner service with.
    pub(super) fn start(&mut self) -> (Box<Call>, Request<RequestBody<B>>) {
        let (Some((mut head, capture)), Some(opened)) = (self.request.take(), self.opened.take())
        else {
            unreachable!("a call starts once");
        };
        let format = Arc::clone(&self.matched.format);
        let phase = if self.matched.if_streamed {
            Phase::Deferred(Deferred {
                opened,
                method: head.method.clone(),
                uri: head.uri.clone(),
                headers: head.headers.clone(),
                body: capture.bytes(),
                complete: capture.is_complete(),
                limit: self.limit,
            })
        } else {
            let emitter = told(&format, opened, &head, &capture, self.limit);
            head.extensions.insert(emitter.context());
            Phase::Told(emitter)
        };
        let request = Request::from_parts(head, RequestBody::captured(capture));
        (Box::new(Call { phase, format, propagation: self.propagation }), request)
    }
}

fn told<B: Body>(
    format: &Arc<dyn Format>,
    opened: Opened,
    head: &request::Parts,
    capture: &Capture<B>,
    limit: usize,
) -> Emitter {
    Emitter::start(opened, || {
        let asked = Asked {
            method: &head.method,
            uri: &head.uri,
            headers: &head.headers,
            body: capture.bytes(),
            complete: capture.is_complete(),
        };
        start(&**format, asked, limit)
    })
}

impl<B: Body> Drop for Waiting<B> {
    fn drop(&mut self) {
        if let (Some((head, capture)), Some(opened), false) =
            (self.request.take(), self.opened.take(), self.matched.if_streamed)
        {
            drop(told(&self.matched.format, opened, &head, &capture, self.limit));
        }
    }
}

/// A call that is made, up to its response.
pub(super) struct Call {
    phase: Phase,
    format: Arc<dyn Format>,
    propagation: TracePropagation,
}

#[expect(clippy::large_enum_variant, reason = "it is in a box with the call")]
enum Phase {
    /// Its start was told.
    Told(Emitter),
    /// Its response will say whether it is an LLM call.
    Deferred(Deferred),
}

struct Deferred {
    opened: Opened,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    complete: bool,
    limit: usize,
}

impl Deferred {
    fn start(self, format: &dyn Format) -> Emitter {
        let Self { opened, method, uri, headers, body, complete, limit } = self;
        Emitter::start(opened, || {
            let asked = Asked { method: &method, uri: &uri, headers: &headers, body, complete };
            start(format, asked, limit)
        })
    }
}

impl Call {
    /// The run's emitter, unless the response is still to say whether there is a run.
    pub(super) fn emitter(&mut self) -> Option<&mut Emitter> {
        match &mut self.phase {
            Phase::Told(emitter) => Some(emitter),
            Phase::Deferred(_) => None,
        }
    }

    pub(super) fn may_call_at_once(&mut self) -> bool {
        self.emitter().is_none_or(|emitter| emitter.may_call_at_once())
    }

    /// Says in a request's headers who calls: right before the inner call, since a handler may say in the
    /// start phase which span stands for the run.
    pub(super) fn propagate(&mut self, headers: &mut HeaderMap) {
        let propagation = self.propagation;
        if let Some(emitter) = self.emitter() {
            propagation.outgoing(headers, emitter.run());
        }
    }

    /// Calls a closure of the inner call.
    pub(super) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        match self.emitter() {
            Some(emitter) => emitter.enter(f),
            None => f(),
        }
    }

    /// The call is over without a response that is to be read.
    pub(super) fn ended(self) -> Option<Box<Ending>> {
        match self.phase {
            Phase::Told(emitter) => Some(Box::new(Ending { emitter, format: self.format })),
            Phase::Deferred(_) => None,
        }
    }

    /// The response is there.
    pub(super) fn answered<B: Body>(self, head: &response::Parts, body: &B) -> Answered {
        let (mut emitter, starting) = match self.phase {
            Phase::Told(emitter) => (emitter, false),
            Phase::Deferred(deferred) => {
                let streamed = content_type(&head.headers).as_deref() == Some("text/event-stream");
                if !streamed || !head.status.is_success() {
                    return Answered::NoCall;
                }
                (deferred.start(&*self.format), true)
            }
        };
        let mut reader = Reader::new(Arc::clone(&self.format), head, &mut emitter);
        let declared = head.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.trim().parse().ok());
        let left = declared.or_else(|| body.size_hint().exact());
        if body.is_end_stream() || left == Some(0) {
            reader.finish(&mut emitter);
            return Answered::Ended(Box::new(Ending { emitter, format: self.format }));
        }
        Answered::Told(Told::new(emitter, reader, starting, left))
    }
}

/// What a response makes of a call.
pub(super) enum Answered {
    /// It is no LLM call.
    NoCall,
    /// Its body is to be read.
    Told(Box<Told>),
    /// There is no body: the response is the last that the client gets.
    Ended(Box<Ending>),
}

/// A call that is over, but for its terminal event.
pub(super) struct Ending {
    pub(super) emitter: Emitter,
    pub(super) format: Arc<dyn Format>,
}
