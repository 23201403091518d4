use http::{HeaderMap, HeaderName, HeaderValue};

use super::trace::traceparent;
use crate::run::{Run, TraceParent};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the upstream hears of the trace that a request is part of: the headers `traceparent` and
/// `tracestate` of the W3C recommendation "Trace Context". All other headers stay as they are in any case.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::TracePropagation};
///
/// let layer = HttpCallbackLayer::new(Callbacks::new()).propagation(TracePropagation::Strip);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TracePropagation {
    /// What the request says, byte by byte. The default.
    #[default]
    PassThrough,
    /// That the call's own run has called it.
    ///
    /// `traceparent` names the span that stands for the run, if a handler has said which by the end of the
    /// start phase ([`Run::set_span_context`](crate::Run::set_span_context)), as
    /// `OtelSpans` of the feature `otel` does. Otherwise it is made of the ids that
    /// event records have: the trace is the request's own, or the run's
    /// [`trace_id`](crate::Run::trace_id); the parent is the last 16 digits of the
    /// [`run_id`](crate::Run::run_id); and it is marked as sampled if the request's own is.
    ///
    /// `tracestate` stays if the trace is the request's own. A request that has no run, since it is no LLM
    /// call or nobody is told of it, and one of which only the answer says whether it is a call, go on as
    /// they came.
    Child,
    /// Nothing: both headers are removed, from every request that the layer sees.
    Strip,
}

impl TracePropagation {
    /// Before anybody is called, run or none.
    pub(super) fn strip(self, headers: &mut HeaderMap) {
        if self == Self::Strip {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
    }

    /// After the start phase: says that a run calls.
    pub(super) fn outgoing(self, headers: &mut HeaderMap, run: &Run) {
        if self != Self::Child {
            return;
        }
        let child = run.span_context().cloned().unwrap_or_else(|| derived(run));
        // It belongs to the trace that it came with.
        if traceparent(headers).is_none_or(|parent| parent.trace_id() != child.trace_id()) {
            headers.remove(TRACESTATE);
        }
        if let Ok(value) = HeaderValue::from_str(&child.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// A span for a run of which no handler has made one: its ids are the run's.
fn derived(run: &Run) -> TraceParent {
    let inbound = run.inbound_traceparent();
    let trace_id = inbound.and_then(|parent| u128::from_str_radix(parent.trace_id(), 16).ok());
    let trace_id = trace_id.unwrap_or_else(|| run.root_run_id().as_u128());
    let (_, parent_id) = run.run_id().as_u64_pair();
    let flags = u8::from(inbound.is_some_and(TraceParent::is_sampled));
    // A run may be given any id, and zero is none.
    TraceParent::of(trace_id.max(1), parent_id.max(1), flags)
}
