use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, request};
use http_body::Body;

use super::{
    RequestBody, TracePropagation, answering::Answering, budget::WaitingRequest, capture::Capture,
    captured_request::CapturedRequest, settings::Settings, upload::Upload,
};
use crate::{
    lifecycle::{LlmEmitter, NewRun, Prepare, RunConfig, start_llm},
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

/// What a request is whose body is captured.
pub(super) enum Captured<B: Body> {
    /// A call.
    Started(Started<B>),
    /// No call after all: it passes.
    Unobserved(Request<RequestBody<B>>),
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

    /// Starts the run, if the request is a call. Returns the request for the inner service.
    pub(super) fn start(&mut self) -> Captured<B> {
        let (Some((mut head, mut capture)), Some(new_run)) =
            (self.request.take(), self.new_run.take())
        else {
            unreachable!("a call starts once");
        };
        let Some(emitter) = self.emitter(new_run, &head, &mut capture) else {
            let body = RequestBody::captured(capture, None);
            return Captured::Unobserved(Request::from_parts(head, body));
        };
        // From here on the run hands on what its configuration set.
        head.extensions.remove::<RunConfig>();
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
        let answering = Box::new(answering);
        Captured::Started(Started { request, emitter, answering, upload, prepare })
    }

    /// Starts the run. Returns `None` if the request is no call, which is counted.
    fn emitter(
        &self,
        mut new_run: NewRun,
        head: &request::Parts,
        capture: &mut Capture<B>,
    ) -> Option<Box<LlmEmitter>> {
        let (format, limit) = (&*self.format, self.settings.max_request_bytes);
        let request = CapturedRequest::of(head, capture, self.provider.clone(), limit);
        let call = request.describe(format);
        if let Some(pattern) = call.unobserved {
            self.settings.unobserved.count_pattern(&head.method, &pattern);
            return None;
        }
        new_run.describe(call.name, call.metadata, call.traceparent, call.tool_call_id);
        Some(Box::new(start_llm(new_run, || request.start(format))))
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
