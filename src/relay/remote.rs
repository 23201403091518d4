use std::{future::poll_fn, sync::Arc};

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    callbacks::Callbacks,
    delivery::Dispatch,
    event::{
        ErrorKind, Event, EventData, EventKind, EventRecord, Failure, LlmResult, Partial, RunError,
        RunOutput,
    },
    lifecycle::{NewRun, Phases},
    run::{RunInfo, TraceParent},
};

/// A run of another process that has not ended.
pub(super) struct Remote {
    phases: Phases,
    /// The number of the last delivered event.
    last: Option<u64>,
    last_at: Instant,
    ended: bool,
}

/// Returns the span of the run in the process that made it.
fn span(start: &EventRecord) -> Option<TraceParent> {
    let (trace_id, span_id) = (start.trace_id.as_deref()?, start.span_id.as_deref()?);
    format!("00-{trace_id}-{span_id}-01").parse().ok()
}

impl Remote {
    pub(super) fn open(start: &EventRecord, callbacks: &Callbacks) -> Self {
        let path = |parent: Uuid| {
            // The record does not contain the runs between root and parent.
            let root = Some(start.root_run_id).filter(|root| *root != parent);
            Arc::new(root.into_iter().chain([parent]).collect())
        };
        let info = RunInfo {
            run_id: start.run_id,
            parents: start.parent_run_id.map(path),
            run_type: start.run_type,
            name: Arc::clone(&start.name),
            tags: Arc::clone(&start.tags),
            metadata: Arc::clone(&start.metadata),
            attempt: start.attempt,
            traceparent: None,
            trace_id: start.trace_id.clone(),
        };
        let (run, members) = NewRun::remote(info, start.time, callbacks);
        if let Some(span) = span(start) {
            run.set_span_context(span);
        }
        let dispatch = Dispatch::new(run, members);
        dispatch.set_remote();
        Self { phases: Phases::new(dispatch), last: None, last_at: Instant::now(), ended: false }
    }

    /// Returns whether an event was delivered before.
    pub(super) fn was_delivered(&self, seq: u64) -> bool {
        self.ended || self.last.is_some_and(|last| seq <= last)
    }

    /// Returns whether no event was delivered since a time.
    pub(super) fn is_silent_since(&self, since: Instant) -> bool {
        self.last_at < since
    }

    /// Delivers an event in the phases of a call: a token waits for room in the handlers' queues, the terminal event until
    /// they are drained, and a start or a terminal event until awaited handlers have returned from it.
    pub(super) async fn deliver(&mut self, record: EventRecord) {
        let kind = record.kind();
        if kind == EventKind::LlmNewToken {
            poll_fn(|cx| self.phases.poll_room(cx)).await;
        } else if kind.is_terminal() {
            poll_fn(|cx| self.phases.poll_drained(cx)).await;
        }
        self.last = Some(record.seq);
        self.last_at = Instant::now();
        self.ended = kind.is_terminal();
        self.phases.dispatch.replay(&Event::new(record.seq, Some(record.time), record.data));
        if kind.is_start() || kind.is_terminal() {
            poll_fn(|cx| self.phases.poll_drained(cx)).await;
        }
    }
}

/// Ends a run whose terminal event did not come, so that handlers that received its start receive an end.
impl Drop for Remote {
    fn drop(&mut self) {
        let Some(last) = self.last.filter(|_| !self.ended) else { return };
        let run = self.phases.run();
        let failure = Failure::new(ErrorKind::Transport, "the run's events stopped coming");
        let duration = run.elapsed();
        let result = LlmResult { streamed: true, duration, ..LlmResult::default() };
        let output = RunOutput { duration, ..RunOutput::default() };
        let run_type = run.run_type();
        let partial = match run_type.is_model_call() {
            true => Partial::Llm(Arc::new(result)),
            false => Partial::Run(output),
        };
        let data = EventData::of_error(run_type, RunError::new(failure, partial));
        self.phases.dispatch.replay(&Event::new(last + 1, None, data));
    }
}
