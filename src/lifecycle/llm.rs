use std::{mem, sync::Arc, time::Duration};

use super::{
    account::Account, accounting::CallEnd, cause::without_credentials, clock::CallClock,
    emitter::Emitter, new_run::NewRun, requested::Requested,
};
use crate::{
    delivery::TokenLanes,
    event::{
        Accumulator, Choice, Content, ContentCapture, Delta, ErrorKind, EventData, EventKind,
        Failure, LlmResult, LlmStart, Partial, RunError, RunInput, RunOutput, TokenKind,
    },
    redact::Credentials,
    run::{Run, RunType},
};

/// The account of a call of a model, of any kind: the deltas of its answer, of which those with content are token events.
///
/// Also that of a tool, chain or retriever that is called over HTTP: the prompt is its input, and the text of the answer its
/// output.
pub(crate) struct Llm {
    run_type: RunType,
    /// `None` if no handler reads it.
    request: Option<Requested>,
    answer: Accumulator,
    content: ContentCapture,
    time_to_first_token: Option<Duration>,
    tokens: TokenLanes,
    /// The tool call that a tool's run answers.
    tool_call_id: Option<Arc<str>>,
    /// The answer has arrived in full.
    whole: bool,
    /// The credentials of a call over HTTP, which its errors may quote.
    credentials: Option<Arc<Credentials>>,
}

pub(crate) type LlmEmitter = Emitter<Llm>;

/// Starts the run of a call over HTTP, or of a typed one, of a model or, over HTTP, of a tool.
pub(crate) fn start_llm(new_run: NewRun, start: impl FnOnce() -> LlmStart) -> LlmEmitter {
    let (content, run_type) = (new_run.content, new_run.run.run_type());
    let tool_call_id = new_run.tool_call_id.clone();
    // Built also for handlers of the end only: the result repeats what was requested.
    let wants = |kind| new_run.members.iter().any(|member| member.slot.event_mask.wants(kind));
    let kind = EventKind::start_of(run_type);
    let wants_end = wants(EventKind::end_of(run_type)) || wants(EventKind::error_of(run_type));
    let full = (wants_end || wants(kind)).then(|| Arc::new(start()));
    let start = full.as_ref().map(|full| match content {
        ContentCapture::Full => Arc::clone(full),
        limited => Arc::new(limited.start(LlmStart::clone(full)).cut_from(full)),
    });
    let request = start.as_ref().zip(full).filter(|_| wants_end).map(|(start, full)| {
        Requested::new(Arc::clone(start), full, Arc::clone(&new_run.accounting))
    });
    let start = || {
        let start = start.expect("a handler that wants the event reads it");
        if run_type.is_model_call() {
            return EventData::of_start(run_type, start);
        }
        let (input, tool_call_id) = (start.messages.get().cloned(), tool_call_id.clone());
        let input = content.input(RunInput { input, tool_call_id });
        EventData::RunStart(run_type, Arc::new(input))
    };
    // The text of a tool's answer is JSON, which is limited when it is read.
    let kept = match content {
        ContentCapture::Limited(_) if !run_type.is_model_call() => ContentCapture::Full,
        content => content,
    };
    let mut answer = Accumulator::capturing(kept);
    answer.keep_outputs(new_run.capture_outputs && wants_end);
    Emitter::start(new_run, kind, start, |dispatch| Llm {
        run_type,
        request,
        answer,
        content,
        time_to_first_token: None,
        tokens: TokenLanes::of(dispatch),
        tool_call_id: tool_call_id.clone(),
        whole: false,
        credentials: None,
    })
}

impl LlmEmitter {
    /// Adds a delta of the answer. After the end of the answer, deltas are ignored.
    #[inline]
    pub(crate) fn delta(&mut self, delta: Delta<'_>) {
        match delta {
            // By far the most are these: they do not pay for the others.
            Delta::Text { choice, text } if !self.is_over() && !self.account.is_limited() => {
                if let Some(content) = self.account.answer.text(choice, TokenKind::Text, &text) {
                    self.token(&content);
                }
            }
            delta => self.any_delta(&delta),
        }
    }

    #[inline(never)]
    fn any_delta(&mut self, delta: &Delta<'_>) {
        if self.is_over() {
            return;
        }
        match delta {
            Delta::Done => self.complete(),
            Delta::Error(error) => self.fail(Failure::provider(error)),
            _ => {
                if let Some(request) = &mut self.account.request {
                    request.count(delta);
                }
                if let Some(content) = self.account.answer.add(delta) {
                    self.token(&content);
                } else if let Delta::Finish { .. } = delta {
                    self.clock.end(self.phases.run());
                }
            }
        }
    }

    // A token is a few dozen instructions. Each call on its way would be half as many, for registers that it saves.
    #[inline(always)]
    fn token(&mut self, content: &Content<'_>) {
        let Llm { answer, time_to_first_token, tokens, .. } = &mut self.account;
        let dispatch = &self.phases.dispatch;
        if time_to_first_token.is_none() {
            *time_to_first_token = Some(CallClock::since_call(dispatch.run()));
        }
        dispatch.token(answer.tokens() - 1, content, tokens);
    }

    /// Returns what was requested, if a handler reads the end of the run.
    pub(crate) fn request(&self) -> Option<&LlmStart> {
        self.account.request.as_ref().map(Requested::full)
    }

    /// Remembers what no error of the call may quote.
    pub(crate) fn keep_credentials(&mut self, credentials: Option<Credentials>) {
        self.account.credentials = credentials.map(Arc::new);
    }

    /// Returns the answer so far.
    pub(crate) fn answer(&mut self) -> &mut Accumulator {
        &mut self.account.answer
    }

    /// Marks the answer as not streamed, if an error came in its place as one body.
    pub(crate) fn whole_error(&mut self) {
        if self.account.answer.tokens() == 0 && !self.is_complete() {
            self.account.answer.whole();
        }
    }
}

impl Llm {
    /// Whether content is counted that may not be captured.
    #[inline]
    fn is_limited(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.limited.is_some())
    }

    /// Builds the terminal event of a run that calls no model.
    fn run_terminal(
        &mut self,
        answer: &LlmResult,
        duration: Duration,
        outcome: Result<(), Failure>,
    ) -> EventData {
        let text = answer.text();
        let output = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        let output = Some(output).filter(|_| !text.is_empty());
        let output = RunOutput {
            output: self.content.value(output),
            tool_call_id: self.tool_call_id.take(),
            duration,
        };
        match outcome {
            Ok(()) => EventData::RunEnd(self.run_type, Arc::new(output)),
            Err(failure) => {
                EventData::of_error(self.run_type, RunError::new(failure, Partial::Run(output)))
            }
        }
    }
}

impl Account for Llm {
    const ERROR_KIND: ErrorKind = ErrorKind::Transport;

    fn failure(&self, failure: Failure) -> Failure {
        // Before a limit, which may leave a part of them.
        let failure = match &self.credentials {
            Some(credentials) => without_credentials(failure, credentials),
            None => failure,
        };
        self.content.failure(failure)
    }

    fn credentials(&self) -> Option<&Arc<Credentials>> {
        self.credentials.as_ref()
    }

    fn complete(&mut self) {
        self.whole = true;
        self.answer.complete();
    }

    fn is_finished(&self) -> bool {
        self.answer.is_finished()
    }

    fn terminal(
        &mut self,
        run: &Run,
        duration: Duration,
        sent: bool,
        outcome: Result<(), Failure>,
    ) -> EventData {
        let answer = mem::take(&mut self.answer);
        let (content_since_report, pieces) = (answer.has_content_since_report(), answer.pieces());
        let inferred = !answer.is_not_inferred();
        let mut result = answer.finish();
        if !self.run_type.is_model_call() {
            return self.run_terminal(&result, duration, outcome);
        }
        result.cached = run.is_cached();
        if let Some(request) = &self.request {
            let error = outcome.as_ref().err().map(|failure| failure.kind);
            let whole = self.whole;
            let end = CallEnd { error, whole, sent, inferred, content_since_report, pieces };
            request.complete(&mut result, end, run);
        }
        let mut result = self.content.result(result);
        if self.run_type != RunType::Llm {
            // Only an answer of a language model has a choice in any case.
            result.choices.retain(|choice| *choice != Choice::default());
        }
        result.duration = duration;
        result.time_to_first_token = self.time_to_first_token;
        let result = Arc::new(result);
        match outcome {
            Ok(()) => EventData::of_end(self.run_type, result),
            Err(failure) => {
                let error = RunError::new(failure, Partial::Llm(result));
                EventData::of_error(self.run_type, error)
            }
        }
    }
}
