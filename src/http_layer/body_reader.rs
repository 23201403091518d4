use std::{mem, sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, response::Parts};

use super::{
    TransportFailure,
    budget::{Budget, Kept},
    inflate::Inflate,
};
use crate::{
    event::{Delta, ErrorKind, Failure, HttpResponseInfo},
    lifecycle::LlmEmitter,
    panics::guarded,
    redact,
    wire::{Decoder, Format, LlmHttpResponse, content_type, retry_after},
};

/// The most bytes of an answer's texts that are kept: an upstream may send without end.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// How many bytes of an answer are counted at once.
const ANSWER_STEP: usize = 4 * 1024;
/// The most bytes of an error answer that are read.
const ERROR_LIMIT: usize = 1024 * 1024;

/// Decodes a response's body for the run's emitter, beside the consumer.
///
/// Whatever is in the body, it neither fails nor panics.
pub(super) struct BodyReader {
    mode: Mode,
    inflate: Inflate,
    /// The content type is that of a single JSON text.
    json: bool,
    /// The status says that the provider goes on with the call, and no body came so far.
    accepted: bool,
    kept: Kept,
}

enum Mode {
    /// A successful answer.
    Answer(Box<dyn Decoder>),
    /// The provider's error answer.
    Error(ErrorAnswer),
    /// An error answer in place of a call that did not reach the provider.
    Failed(Failure),
    /// The body cannot be decoded.
    Blind,
}

struct ErrorAnswer {
    format: Arc<dyn Format>,
    status: StatusCode,
    headers: HeaderMap,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl BodyReader {
    pub(super) fn new(
        format: Arc<dyn Format>,
        head: &Parts,
        budget: &Arc<Budget>,
        emitter: &mut LlmEmitter,
    ) -> Self {
        let status = head.status;
        emitter.answer().bound(ANSWER_LIMIT);
        emitter
            .answer()
            .http(HttpResponseInfo::new(status.as_u16(), redact::recorded(&head.headers)));
        let content_type = content_type(&head.headers);
        let json = content_type.as_deref() == Some("application/json");
        let failure = head.extensions.get::<TransportFailure>();
        let mode = match failure.filter(|_| !status.is_success()) {
            Some(failure) => {
                let message = redact::text(failure.message()).into_owned();
                let status = Some(status.as_u16());
                Mode::Failed(Failure { status, ..Failure::new(ErrorKind::Transport, message) })
            }
            None if status.is_success() => {
                let outputs = emitter.answer().keeps_outputs();
                let mut response = LlmHttpResponse::new(status, &head.headers).outputs(outputs);
                if let Some(request) = emitter.request() {
                    response = response.request(request);
                }
                let decoder = guarded("a wire format (answer)", || format.decoder(&response));
                decoder.map_or(Mode::Blind, Mode::Answer)
            }
            None => {
                let retry_after = retry_after::of_headers(status, &head.headers);
                let headers = head.headers.clone();
                Mode::Error(ErrorAnswer { format, status, headers, retry_after, body: Vec::new() })
            }
        };
        let (mode, inflate) = match (mode, Inflate::of(&head.headers)) {
            (mode, Some(inflate)) => (mode, inflate),
            (Mode::Answer(_), None) => (Mode::Blind, Inflate::identity()),
            // An error answer is an error, readable or not.
            (Mode::Error(answer), None) => (Mode::Failed(answer.failure()), Inflate::identity()),
            (mode, None) => (mode, Inflate::identity()),
        };
        if let Mode::Blind = mode {
            emitter.answer().skip();
        }
        let accepted = status == StatusCode::ACCEPTED;
        Self { mode, inflate, json, accepted, kept: Kept::nothing(budget) }
    }

    /// Decodes a piece of the body.
    pub(super) fn data(&mut self, bytes: &[u8], emitter: &mut LlmEmitter) {
        self.accepted &= bytes.is_empty();
        let Self { mode, inflate, .. } = self;
        if matches!(mode, Mode::Blind | Mode::Failed(_)) {
            return;
        }
        let read = guarded("a wire format (answer)", || {
            if inflate.is_identity() {
                mode.read(bytes, emitter);
                return true;
            }
            inflate.push(bytes, &mut |bytes| mode.read(bytes, emitter)).is_ok()
        });
        if !self.kept.grow_to(ANSWER_LIMIT - emitter.answer().room(), ANSWER_STEP) {
            emitter.answer().bound(0);
        }
        // After the end of the answer nothing is missed.
        if read != Some(true) && !emitter.is_over() {
            emitter.delta(Delta::DecodeFault);
            self.give_up(emitter);
        }
    }

    /// Stops decoding: the rest of the body passes.
    fn give_up(&mut self, emitter: &mut LlmEmitter) {
        emitter.answer().skip();
        self.mode = match mem::replace(&mut self.mode, Mode::Blind) {
            // The part of an error that was read may be enough.
            Mode::Error(answer) => Mode::Failed(answer.failure()),
            Mode::Failed(failure) => Mode::Failed(failure),
            Mode::Answer(_) | Mode::Blind => Mode::Blind,
        };
    }

    /// The body has ended.
    pub(super) fn finish(&mut self, emitter: &mut LlmEmitter) {
        match mem::replace(&mut self.mode, Mode::Blind) {
            // The answer of a job is fetched later.
            Mode::Answer(_) if self.accepted => {
                emitter.delta(Delta::NotStreamed);
                emitter.delta(Delta::NotInferred);
                emitter.complete();
            }
            Mode::Answer(mut decoder) => {
                let read = guarded("a wire format (answer)", || {
                    decoder.finish(&mut |delta| emitter.delta(delta));
                });
                if read.is_none() {
                    emitter.delta(Delta::DecodeFault);
                }
                emitter.end_of_stream(true);
                if self.json {
                    emitter.whole_error();
                }
            }
            Mode::Error(answer) => fail(emitter, answer.failure()),
            Mode::Failed(failure) => fail(emitter, failure),
            // Nothing indicates otherwise.
            Mode::Blind => emitter.complete(),
        }
    }

    /// The body failed, or was dropped. An answer that had arrived in full has completed all the same, and an error
    /// answer is an error whatever became of its body.
    pub(super) fn broken_off(&mut self, emitter: &mut LlmEmitter) {
        match mem::replace(&mut self.mode, Mode::Blind) {
            Mode::Answer(mut decoder) if self.json && !emitter.is_over() => {
                let mut deltas = Vec::new();
                guarded("a wire format (answer)", || {
                    decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
                });
                let ends = |delta: &Delta<'_>| matches!(delta, Delta::Done | Delta::Error(_));
                let whole = deltas.contains(&Delta::NotStreamed);
                if deltas.last().is_some_and(|last| ends(last) && (whole || deltas.len() == 1)) {
                    deltas.into_iter().for_each(|delta| emitter.delta(delta));
                }
            }
            Mode::Answer(_) | Mode::Blind => {}
            Mode::Error(answer) => fail(emitter, answer.failure()),
            Mode::Failed(failure) => fail(emitter, failure),
        }
    }
}

impl Mode {
    fn read(&mut self, bytes: &[u8], emitter: &mut LlmEmitter) {
        match self {
            Mode::Answer(decoder) => decoder.push(bytes, &mut |delta| emitter.delta(delta)),
            Mode::Error(ErrorAnswer { body, .. }) => {
                let room = ERROR_LIMIT - body.len();
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Mode::Failed(_) | Mode::Blind => {}
        }
    }
}

impl ErrorAnswer {
    fn failure(&self) -> Failure {
        let Self { format, status, headers, body, retry_after } = self;
        let response = LlmHttpResponse::new(*status, headers);
        let error = guarded("a wire format (answer)", || format.error_response(&response, body));
        let mut failure = match error {
            Some(error) => Failure::provider(&error),
            None => Failure::new(ErrorKind::Provider, format!("HTTP status {}", status.as_u16())),
        };
        failure.status = Some(status.as_u16());
        failure.retry_after = retry_after.or(failure.retry_after);
        failure
    }
}

/// Ends the run in an error answer, which is not streamed.
fn fail(emitter: &mut LlmEmitter, failure: Failure) {
    emitter.fail(failure);
    emitter.whole_error();
}
