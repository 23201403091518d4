use super::{Run, TraceParent};

/// The spans that stand for the run, in the systems that handlers know.
impl Run {
    /// Returns the W3C context of the span that stands for this run, if a handler has
    /// [set](Self::set_span_context) one.
    pub fn span_context(&self) -> Option<&TraceParent> {
        self.0.lazy.get()?.span_context.get()
    }

    /// Sets the W3C context of the span that stands for this run. Handlers of a tracing system call this in the
    /// start event.
    ///
    /// The span's ids are then part of the run's records, and can be
    /// [propagated](crate::http_layer::TracePropagation::Child) to the service that is called. Returns false if a
    /// context was set before, which then stays.
    pub fn set_span_context(&self, span: TraceParent) -> bool {
        self.0.lazy.get_or_init(Box::default).span_context.set(span).is_ok()
    }

    /// Sets the [`tracing`] span of the run: its inner call, and whatever else runs in the run, is polled inside
    /// the span, so that log lines written there belong to it.
    ///
    /// Inline handlers call this in the start event, as
    /// [`handlers::TracingSpans`](crate::handlers::TracingSpans) does. A run has one span: returns false if it was
    /// set before.
    #[cfg(feature = "tracing-spans")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-spans")))]
    pub fn set_tracing_span(&self, span: tracing::Span) -> bool {
        self.0.lazy.get_or_init(Box::default).tracing_span.set(span).is_ok()
    }

    /// Returns the [`tracing`] span that the run's inner call is polled in, if a handler has set one.
    #[cfg(feature = "tracing-spans")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-spans")))]
    #[inline]
    pub fn tracing_span(&self) -> Option<&tracing::Span> {
        self.0.lazy.get()?.tracing_span.get()
    }

    /// Sets the OpenTelemetry context of the run: it is current in the run's inner call, and whatever else runs in the
    /// run. So spans that are started there are below the run's span, and have its baggage.
    ///
    /// Inline handlers call this in the start event, as [`handlers::OtelSpans`](crate::handlers::OtelSpans) does. A run
    /// has one context: returns false if it was set before.
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    pub fn set_otel_context(&self, context: opentelemetry::Context) -> bool {
        self.0.lazy.get_or_init(Box::default).otel_context.set(context).is_ok()
    }

    /// Returns the OpenTelemetry context of the run, if a handler has set one.
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    #[inline]
    pub fn otel_context(&self) -> Option<&opentelemetry::Context> {
        self.0.lazy.get()?.otel_context.get()
    }

    /// Returns the OpenTelemetry context of the run around this one, also after that has ended.
    #[cfg(feature = "otel")]
    pub(crate) fn outer_otel_context(&self) -> Option<&opentelemetry::Context> {
        self.0.lazy.get()?.outer_otel_context.get()
    }

    #[cfg(feature = "otel")]
    pub(crate) fn set_outer_otel_context(&self, outer: opentelemetry::Context) {
        let _ = self.0.lazy.get_or_init(Box::default).outer_otel_context.set(outer);
    }
}
