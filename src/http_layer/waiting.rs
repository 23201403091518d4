use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, request};
use http_body::Body;

use super::{
    RequestBody, TracePropagation, answering::Answering, budget::WaitingRequest, capture::Capture,
    captured_request::CapturedRequest, formats::Formats, settings::Settings, upload::Upload,
};
use crate::{
    lifecycle::{LlmEmitter, NewRun, Prepare, RunConfig, start_llm},
    run::Run,
    wire::{self, Format},
};

/// A call whose request is still arriving. Dropped like that, its run starts and is cancelled, unless what has
/// arrived is that of no call.
pub(super) struct Waiting<B: Body> {
    request: Option<(request::Parts, Capture<B>)>,
    new_run: Option<NewRun>,
    formats: Formats,
    /// The provider, if it is set.
    provider: Option<Arc<str>>,
    settings: Arc<Settings>,
    /// Set when the body has not arrived at once.
    waits: Option<WaitingRequest>,
}

/// A request that is captured.
pub(super) enum Arrived<B: Body> {
    Call(Started<B>),
    /// Its body is that of no call.
    Unknown(Request<RequestBody<B>>),
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
        formats: Formats,
        provider: Option<Arc<str>>,
        settings: &Arc<Settings>,
    ) -> Box<Self> {
        let (request, new_run) = (Some((head, capture)), Some(new_run));
        let settings = Arc::clone(settings);
        Box::new(Self { request, new_run, formats, provider, settings, waits: None })
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

    /// Starts the run, if the request is a call. Returns the request for the inner service.
    pub(super) fn start(&mut self) -> Arrived<B> {
        let (Some((mut head, mut capture)), Some(new_run)) =
            (self.request.take(), self.new_run.take())
        else {
            unreachable!("a call starts once");
        };
        let Some(format) = self.format(&head, &capture) else {
            self.settings.unobserved.count(&head.method, &wire::normal(head.uri.path()));
            let body = RequestBody::captured(capture, None);
            return Arrived::Unknown(Request::from_parts(head, body));
        };
        // From here on the run hands on what its configuration set.
        head.extensions.remove::<RunConfig>();
        let emitter = self.emitter(&*format, new_run, &head, &mut capture);
        head.extensions.insert(emitter.scope());
        let answering = Box::new(Answering::new(format, &self.settings));
        let prepare: Option<Prepare<_>> = match self.settings.propagation {
            TracePropagation::Child => Some(|request: &mut Request<_>, run: &Run| {
                TracePropagation::set_child(request.headers_mut(), run);
            }),
            TracePropagation::PassThrough | TracePropagation::Strip => None,
        };
        let upload = (!capture.is_complete()).then(Upload::default);
        let body = RequestBody::captured(capture, upload.clone());
        let request = Request::from_parts(head, body);
        Arrived::Call(Started { request, emitter, answering, upload, prepare })
    }

    fn format(&self, head: &request::Parts, capture: &Capture<B>) -> Option<Arc<dyn Format>> {
        CapturedRequest::format(&self.formats, head, capture, self.settings.max_request_bytes)
    }

    fn emitter(
        &self,
        format: &dyn Format,
        new_run: NewRun,
        head: &request::Parts,
        capture: &mut Capture<B>,
    ) -> Box<LlmEmitter> {
        let limit = self.settings.max_request_bytes;
        let start =
            || CapturedRequest::of(head, capture, self.provider.clone()).start(format, limit);
        Box::new(start_llm(new_run, start))
    }
}

impl<B: Body> Drop for Waiting<B> {
    fn drop(&mut self) {
        if let (Some((head, mut capture)), Some(new_run)) =
            (self.request.take(), self.new_run.take())
            && let Some(format) = self.format(&head, &capture)
        {
            drop(self.emitter(&*format, new_run, &head, &mut capture));
        }
    }
}
