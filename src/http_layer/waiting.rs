use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, request};
use http_body::Body;

use super::{
    RequestBody, TracePropagation, answering::Answering, budget::WaitingRequest, caller_source,
    capture::Capture, captured_request::CapturedRequest, routes::Matched, settings::Settings,
    upload::Upload,
};
use crate::{
    lifecycle::{LlmEmitter, NewRun, Prepare, RunConfig, start_llm},
    redact::Credentials,
    run::{Run, RunType, Scope},
    wire::{self, Call, Format},
};

/// A call whose request is still arriving. Dropped like that, its run starts and is cancelled.
pub(super) struct Waiting<B: Body> {
    request: Option<(request::Parts, Capture<B>)>,
    new_run: Option<NewRun>,
    matched: Matched,
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
        matched: Matched,
        provider: Option<Arc<str>>,
        settings: &Arc<Settings>,
    ) -> Box<Self> {
        let (request, new_run) = (Some((head, capture)), Some(new_run));
        let settings = Arc::clone(settings);
        Box::new(Self { request, new_run, matched, provider, settings, waits: None })
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
        let Some((format, emitter)) = self.emitter(new_run, &head, &mut capture) else {
            let body = RequestBody::captured(capture, None);
            Scope::carry(&mut head.extensions);
            return Captured::Unobserved(Request::from_parts(head, body));
        };
        // From here on the run hands on what its configuration set.
        head.extensions.remove::<RunConfig>();
        head.extensions.insert(emitter.scope());
        let answering = Answering::new(format, &self.settings);
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
    ) -> Option<(Arc<dyn Format>, Box<LlmEmitter>)> {
        let limit = self.settings.max_request_bytes;
        let request = CapturedRequest::of(head, capture, self.provider.clone(), limit);
        let (format, run_type, call) = self.described(&request, head)?;
        new_run.set_type(run_type);
        new_run.describe(call.name, call.metadata, call.traceparent, call.tool_call_id);
        let callers = &self.settings.callers;
        if !callers.is_empty() {
            let body = || caller_source::Body(request.body().concat().into());
            callers.identify(&mut new_run.run, &head.headers, body);
        }
        let mut emitter = Box::new(start_llm(new_run, || request.start(&*format)));
        emitter.keep_credentials(Credentials::of(&head.headers, &head.uri));
        Some((format, emitter))
    }

    /// Returns what the request is, in the first format that reads it. `None` if it is no call, which is counted.
    fn described(
        &self,
        request: &CapturedRequest<'_>,
        head: &request::Parts,
    ) -> Option<(Arc<dyn Format>, RunType, Call)> {
        let Settings { routes, unobserved, .. } = &*self.settings;
        let (path, mut counted_as, mut next) = (wire::normal(head.uri.path()), None, None);
        loop {
            let matched = next.as_ref().unwrap_or(&self.matched);
            let call = request.describe(&*matched.format);
            if let Some(run_type) = call.run_type() {
                return Some((Arc::clone(&matched.format), run_type, call));
            }
            counted_as = counted_as.or(call.counted_as);
            next = Some(match routes.next(matched, &head.method, &path) {
                Some(matched) => matched,
                None => break,
            });
        }
        match counted_as {
            Some(pattern) => unobserved.count_pattern(&head.method, &pattern),
            None => unobserved.count(&head.method, &path),
        }
        None
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
