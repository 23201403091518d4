use std::sync::Arc;

use http::{Response, header::CONTENT_LENGTH, response::Parts};
use http_body::Body;

use super::{
    ResponseBody, body_reader::BodyReader, captured_request::CapturedRequest, settings::Settings,
};
use crate::{
    lifecycle::{Ending, Llm, LlmEmitter, NewRun, start_llm},
    wire::{Format, content_type},
};

/// How the response of a call is read.
pub(super) struct Answering {
    pub(super) format: Arc<dyn Format>,
    pub(super) settings: Arc<Settings>,
    /// The run of a request that is an LLM call only if its answer is streamed.
    deferred: Option<Deferred>,
}

struct Deferred {
    new_run: NewRun,
    request: CapturedRequest<'static>,
}

/// What becomes of a response.
pub(super) enum Answered<B, E> {
    /// Return it to the caller.
    Response(Response<ResponseBody<B>>),
    /// Without a body: return it when the run's terminal event is handled.
    Ended(Ending<Llm, Result<Response<B>, E>>),
}

impl Answering {
    pub(super) fn new(format: Arc<dyn Format>, settings: &Arc<Settings>) -> Self {
        Self { format, settings: Arc::clone(settings), deferred: None }
    }

    pub(super) fn deferred(
        format: Arc<dyn Format>,
        new_run: NewRun,
        request: CapturedRequest<'static>,
        settings: &Arc<Settings>,
    ) -> Self {
        // The run starts with the answer, and the call is made now.
        if let Some(consumer) = new_run.run.consumer() {
            consumer.call();
        }
        let deferred = Some(Deferred { new_run, request });
        Self { format, settings: Arc::clone(settings), deferred }
    }

    /// Wraps the response of a call that has no run yet.
    pub(super) fn unobserved<B: Body, E>(&mut self, response: Response<B>) -> Answered<B, E> {
        let (head, body) = response.into_parts();
        let streamed = content_type(&head.headers).as_deref() == Some("text/event-stream");
        match self.deferred.take() {
            Some(deferred) if streamed && head.status.is_success() => {
                let Deferred { new_run, request } = deferred;
                let limit = self.settings.max_request_bytes;
                let emitter = start_llm(new_run, || request.start(&*self.format, limit));
                // The call was made when the run was opened.
                emitter.run().set_called(0);
                self.read(head, body, Box::new(emitter), true)
            }
            _ => Answered::Response(Response::from_parts(head, ResponseBody::unobserved(body))),
        }
    }

    /// Wraps the response of a run's call.
    pub(super) fn observed<B: Body, E>(
        &self,
        response: Response<B>,
        emitter: Box<LlmEmitter>,
    ) -> Answered<B, E> {
        let (head, body) = response.into_parts();
        self.read(head, body, emitter, false)
    }

    fn read<B: Body, E>(
        &self,
        head: Parts,
        body: B,
        mut emitter: Box<LlmEmitter>,
        starting: bool,
    ) -> Answered<B, E> {
        let mut reader =
            BodyReader::new(Arc::clone(&self.format), &head, &self.settings.budget, &mut emitter);
        let declared = head.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.trim().parse().ok());
        let left = declared.or_else(|| body.size_hint().exact());
        if body.is_end_stream() || left == Some(0) {
            reader.finish(&mut emitter);
            let response = Response::from_parts(head, body);
            return Answered::Ended(Ending::new(emitter, Some(Ok(response))));
        }
        let body = ResponseBody::new(body, reader, left, emitter, starting);
        Answered::Response(Response::from_parts(head, body))
    }
}
