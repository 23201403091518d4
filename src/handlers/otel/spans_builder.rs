use std::{fmt, sync::Arc};

use opentelemetry::{
    InstrumentationScope,
    global::{self, BoxedTracer},
    logs::{Logger, LoggerProvider},
    trace::{Span, Tracer, TracerProvider},
};

use super::{OtelContent, OtelSpans, SemanticConventions, logs::Logs, scope::scope, spans::Shared};
use crate::handlers::{open::Open, outermost::Outermost};

const MAX_RUNS: usize = 10_000;

/// Settings of an [`OtelSpans`].
#[must_use]
pub struct OtelSpansBuilder {
    tracer: Option<Box<dyn FnOnce(InstrumentationScope) -> BoxedTracer>>,
    logger: Option<Box<dyn FnOnce(InstrumentationScope) -> Logs>>,
    conventions: SemanticConventions,
    content: OtelContent,
    max_runs: usize,
}

impl OtelSpansBuilder {
    pub(super) fn new() -> Self {
        Self {
            tracer: None,
            logger: None,
            conventions: SemanticConventions::default(),
            content: OtelContent::default(),
            max_runs: MAX_RUNS,
        }
    }

    /// Sets who makes the spans. Otherwise it is the global provider, as it is when this is built.
    pub fn tracer_provider<P>(mut self, provider: P) -> Self
    where
        P: TracerProvider + 'static,
        P::Tracer: Tracer<Span: Span + Send + Sync + 'static> + Send + Sync + 'static,
    {
        let tracer = move |scope| BoxedTracer::new(Box::new(provider.tracer_with_scope(scope)));
        self.tracer = Some(Box::new(tracer));
        self
    }

    /// Sets the tracer itself, whose scope stays.
    pub fn tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer<Span: Span + Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.tracer = Some(Box::new(move |_scope| BoxedTracer::new(Box::new(tracer))));
        self
    }

    /// Sets where events go that are log records: that with a call's [content](OtelContent::Event), if it is
    /// asked for, and `gen_ai.client.operation.exception` for each model call that fails. There is no global
    /// one.
    pub fn logger_provider<P>(mut self, provider: P) -> Self
    where
        P: LoggerProvider + 'static,
        P::Logger: Logger + Send + Sync + 'static,
    {
        let logger = move |scope| Logs::to(provider.logger_with_scope(scope));
        self.logger = Some(Box::new(logger));
        self
    }

    /// Sets the names that are written.
    pub fn conventions(mut self, conventions: SemanticConventions) -> Self {
        self.conventions = conventions;
        self
    }

    /// Sets whether and where content is written. It is not, unless this is called.
    pub fn content(mut self, content: OtelContent) -> Self {
        self.content = content;
        self
    }

    /// Sets how many runs may be open at the same time; 10,000 is the default. Beyond that the span of an old
    /// one is ended as it is, as an error.
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// The handler.
    #[must_use]
    pub fn build(self) -> OtelSpans {
        let scope = scope(self.conventions);
        let tracer = match self.tracer {
            Some(tracer) => tracer(scope.clone()),
            None => global::tracer_with_scope(scope.clone()),
        };
        OtelSpans(Arc::new(Shared {
            tracer,
            logs: self.logger.map(|logger| logger(scope)),
            conventions: self.conventions,
            content: self.content,
            open: Open::new(self.max_runs),
            outermost: Outermost::default(),
            given_up: Default::default(),
        }))
    }
}

impl fmt::Debug for OtelSpansBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelSpansBuilder")
            .field("conventions", &self.conventions)
            .field("content", &self.content)
            .field("max_runs", &self.max_runs)
            .finish_non_exhaustive()
    }
}
