use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};

use super::span::OpenSpan;
use crate::{
    handler::Open,
    run::{Run, TraceParent},
};

/// Returns the context of a run's parent span: that of the nearest run above it, else that of the request's `traceparent`,
/// else the current one. Baggage and suppression are those of the current context.
///
/// A current span of the same trace is below that span, and so nearer.
pub(super) fn parent(open: &Open<OpenSpan>, run: &Run) -> Context {
    let current = Context::current();
    let above = run.parent_ids().iter().rev();
    let open_above = above.filter_map(|id| open.with(*id, |above| above.context.clone())).next();
    // The run around may have ended. Its context has more than its span.
    let outer = || run.outer_otel_context().filter(|outer| outer.has_active_span());
    let (outer, span) = match (open_above, outer()) {
        (Some(span), _) => (&current, span),
        (None, Some(outer)) => (outer, outer.span().span_context().clone()),
        (None, None) => match run.inbound_traceparent().and_then(remote) {
            Some(inbound) => (&current, inbound),
            None => return current,
        },
    };
    if current.span().span_context().trace_id() == span.trace_id() {
        return current;
    }
    outer.with_remote_span_context(span)
}

fn remote(parent: &TraceParent) -> Option<SpanContext> {
    let trace_id = TraceId::from_hex(parent.trace_id()).ok()?;
    let span_id = SpanId::from_hex(parent.parent_id()).ok()?;
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    Some(SpanContext::new(trace_id, span_id, flags, true, TraceState::default()))
}

/// Returns the `traceparent` of a span, or `None` if the span is not valid because no SDK is installed.
pub(super) fn trace_parent(span: &SpanContext) -> Option<TraceParent> {
    let (trace_id, span_id) = (span.trace_id(), span.span_id());
    let ids = (u128::from_be_bytes(trace_id.to_bytes()), u64::from_be_bytes(span_id.to_bytes()));
    span.is_valid().then(|| TraceParent::new(ids.0, ids.1, span.trace_flags().to_u8() & 1))
}
