use std::{fmt, time::SystemTime};

use opentelemetry::{
    Key,
    logs::{AnyValue, LogRecord, Logger, Severity},
    trace::SpanContext,
};

/// The logger of [`OtelSpans`](super::OtelSpans), with its type erased.
pub(super) struct ErasedLogger(Box<dyn EmitLog>);

/// An event that is emitted as a log record.
pub(super) struct LogEvent<'a> {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) time: SystemTime,
    pub(super) span: &'a SpanContext,
    pub(super) attributes: Vec<(Key, AnyValue)>,
}

/// [`Logger`] has an associated record type and is not usable as a trait object.
trait EmitLog: Send + Sync {
    fn emit(&self, event: LogEvent<'_>);
}

impl ErasedLogger {
    pub(super) fn new(logger: impl Logger + Send + Sync + 'static) -> Self {
        Self(Box::new(LoggerAdapter(logger)))
    }

    pub(super) fn emit(&self, event: LogEvent<'_>) {
        self.0.emit(event);
    }
}

struct LoggerAdapter<L>(L);

impl<L: Logger + Send + Sync> EmitLog for LoggerAdapter<L> {
    fn emit(&self, event: LogEvent<'_>) {
        let LogEvent { name, severity, time, span, attributes } = event;
        if !self.0.event_enabled(severity, env!("CARGO_PKG_NAME"), Some(name)) {
            return;
        }
        let mut record = self.0.create_log_record();
        record.set_event_name(name);
        record.set_timestamp(time);
        record.set_observed_timestamp(time);
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.add_attributes(attributes);
        if span.is_valid() {
            record.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
        }
        self.0.emit(record);
    }
}

impl fmt::Debug for ErasedLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedLogger")
    }
}
