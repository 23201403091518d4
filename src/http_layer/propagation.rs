use http::{HeaderMap, HeaderName, HeaderValue};

use crate::run::{Run, TraceParent};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the upstream gets of the trace that a request is part of: the headers `traceparent` and `tracestate` of the
/// W3C recommendation "Trace Context". All other headers stay as they are.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::TracePropagation};
///
/// let layer = HttpCallbackLayer::new(Callbacks::new()).propagation(TracePropagation::Strip);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TracePropagation {
    /// The headers of the request, byte by byte. The default.
    #[default]
    PassThrough,
    /// Headers that name the run as the caller.
    ///
    /// `traceparent` is the run's [span context](crate::Run::span_context), if a handler has set one by the end of the
    /// start phase, as `OtelSpans` of the feature `otel` does. Otherwise it is made of the run's ids: the trace is the
    /// request's own, or the [`root_run_id`](crate::Run::root_run_id); the parent is the last 16 digits of the
    /// [`run_id`](crate::Run::run_id); and it is marked as sampled if the request's own is.
    ///
    /// `tracestate` stays if the trace is the request's own. A request without a run, and one that only the response
    /// shows to be an LLM call, pass unchanged.
    Child,
    /// Neither header: both are removed, from every request that the layer sees.
    Strip,
}

impl TracePropagation {
    /// Changes the headers of every request, with a run or without.
    pub(super) fn strip(self, headers: &mut HeaderMap) {
        if self == Self::Strip {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
    }

    /// Names a run as the caller, after its start phase.
    pub(super) fn set_child(headers: &mut HeaderMap, run: &Run) {
        let child = run.span_context().cloned().unwrap_or_else(|| derived(run));
        // `tracestate` belongs to the trace that it came with.
        if traceparent(headers).is_none_or(|parent| parent.trace_id() != child.trace_id()) {
            headers.remove(TRACESTATE);
        }
        if let Ok(value) = HeaderValue::from_str(&child.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// Returns the trace that a request is part of. `None` without a valid header.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    only.to_str().ok()?.trim().parse().ok()
}

/// Returns a span context for a run without one, made of the run's ids.
fn derived(run: &Run) -> TraceParent {
    let inbound = run.inbound_traceparent();
    let trace_id = inbound.and_then(|parent| u128::from_str_radix(parent.trace_id(), 16).ok());
    let trace_id = trace_id.unwrap_or_else(|| run.root_run_id().as_u128());
    let (_, parent_id) = run.run_id().as_u64_pair();
    let flags = u8::from(inbound.is_some_and(TraceParent::is_sampled));
    // A run may be given any id, and zero is not a valid one.
    TraceParent::new(trace_id.max(1), parent_id.max(1), flags)
}
