use std::sync::Arc;

use http::{Response, header::CONTENT_LENGTH};
use http_body::Body;

use super::{Cached, ResponseBody, body_reader::BodyReader, settings::Settings};
use crate::{
    lifecycle::{Ending, Llm, LlmEmitter},
    wire::Format,
};

/// How the response of a call is read.
pub(super) struct Answering {
    pub(super) format: Arc<dyn Format>,
    pub(super) settings: Arc<Settings>,
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
        Self { format, settings: Arc::clone(settings) }
    }

    /// Wraps the response of a run's call.
    pub(super) fn observed<B: Body, E>(
        &self,
        response: Response<B>,
        mut emitter: Box<LlmEmitter>,
    ) -> Answered<B, E> {
        let (head, body) = response.into_parts();
        if head.extensions.get::<Cached>().is_some() {
            emitter.run().set_cached();
        }
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
        let body = ResponseBody::new(body, reader, left, emitter);
        Answered::Response(Response::from_parts(head, body))
    }
}
