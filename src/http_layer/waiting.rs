use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, request};
use http_body::Body;

use super::{
    RequestBody, TracePropagation,
    answering::Answering,
    budget::WaitingRequest,
    caller_source,
    capture::Capture,
    captured_request::{CapturedRequest, inflated},
    settings::Settings,
    upload::Upload,
};
use crate::{
    lifecycle::{LlmEmitter, NewRun, Prepare, start_llm},
    run::Run,
    wire::Format,
};

/// A call whose request is still arriving. Dropped like that, its run starts and is cancelled.
pub(super) struct Waiting<B: Body> {
    request: Option<(request::Parts, Capture<B>)>,
    new_run: Option<NewRun>,
    format: Arc<dyn Format>,
    /// The provider, if it is set.
    provider: Option<Arc<str>>,
    settings: Arc<Settings>,
    /// Set when the body has not arrived at once.
    waits: Option<WaitingRequest>,
}

/// A call whose request is captured.
pub(super) struct Started<B: Body> {
    pub(super) request: Request<RequestBody<B>>,
    pub(super) emitter: Box<LlmEmitter>,
    pub(super) answering: Box<Answering>,
    /// `None` if all of the request has arrived, so that it cannot fail.
    pub(super) upload: Option<Upload>,
    pub(super) prepare: Option<Prepare<Request<RequestBody<B>>>>,
}

impl<B: Body> Waiting<B> {
    pub(super) fn new(
        head: request::Parts,
        capture: Capture<B>,
        new_run: NewRun,
        format: Arc<dyn Format>,
        provider: Option<Arc<str>>,
        settings: &Arc<Settings>,
    ) -> Box<Self> {
        let (request, new_run) = (Some((head, capture)), Some(new_run));
        let settings = Arc::clone(settings);
        Box::new(Self { request, new_run, format, provider, settings, waits: None })
    }

    /// Waits until the request's body has arrived, as far as it is captured.
    pub(super) fn poll_captured(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((_, capture)) = &mut self.request else { return Poll::Ready(()) };
        let poll = capture.poll(cx);
        if poll.is_pending() {
            self.waits.get_or_insert_with(|| self.settings.budget.wait());
        } else {
            self.waits = None;
        }
        poll
    }

    /// Starts the run. Returns the request for the inner service.
    pub(super) fn start(&mut self) -> Started<B> {
        let (Some((mut head, mut capture)), Some(new_run)) =
            (self.request.take(), self.new_run.take())
        else {
            unreachable!("a call starts once");
        };
        let emitter = self.emitter(new_run, &head, &mut capture);
        head.extensions.insert(emitter.scope());
        let answering = Answering::new(&self.format, &self.settings);
        let prepare: Option<Prepare<_>> = match self.settings.propagation {
            TracePropagation::Child => Some(|request: &mut Request<_>, run: &Run| {
                TracePropagation::set_child(request.headers_mut(), run);
            }),
            TracePropagation::PassThrough | TracePropagation::Strip => None,
        };
        let upload = (!capture.is_complete()).then(Upload::default);
        let body = RequestBody::captured(capture, upload.clone());
        let request = Request::from_parts(head, body);
        Started { request, emitter, answering: Box::new(answering), upload, prepare }
    }

    fn emitter(
        &self,
        mut new_run: NewRun,
        head: &request::Parts,
        capture: &mut Capture<B>,
    ) -> Box<LlmEmitter> {
        let (format, limit) = (&*self.format, self.settings.max_request_bytes);
        let callers = &self.settings.callers;
        if !callers.is_empty() {
            let body = || caller_source::Body(inflated(&head.headers, capture.bytes(), limit).0);
            callers.identify(&mut new_run.run, &head.headers, body);
        }
        let start =
            || CapturedRequest::of(head, capture, self.provider.clone()).start(format, limit);
        Box::new(start_llm(new_run, start))
    }
}

impl<B: Body> Drop for Waiting<B> {
    fn drop(&mut self) {
        if let (Some((head, mut capture)), Some(new_run)) =
            (self.request.take(), self.new_run.take())
        {
            drop(self.emitter(new_run, &head, &mut capture));
        }
    }
}
