use std::{fmt, sync::Arc};

use opentelemetry::{
    InstrumentationScope,
    global::{self, BoxedTracer},
    logs::{Logger, LoggerProvider},
    trace::{Span, Tracer, TracerProvider},
};

use super::{
    OtelContent, OtelProfile, OtelSpans, SemanticConventions, identity::RunIdentity,
    logs::ErasedLogger, spans::SpansInner,
};
use crate::{handler::Open, handlers::outermost::Outermost};

const MAX_RUNS: usize = 10_000;

/// A builder for [`OtelSpans`].
#[must_use]
pub struct OtelSpansBuilder {
    tracer: Option<Box<dyn FnOnce(InstrumentationScope) -> BoxedTracer>>,
    logger: Option<Box<dyn FnOnce(InstrumentationScope) -> ErasedLogger>>,
    conventions: SemanticConventions,
    content: OtelContent,
    identity: RunIdentity,
    profiles: Vec<OtelProfile>,
    max_runs: usize,
}

impl OtelSpansBuilder {
    pub(super) fn new() -> Self {
        Self {
            tracer: None,
            logger: None,
            conventions: SemanticConventions::default(),
            content: OtelContent::default(),
            identity: RunIdentity::default(),
            profiles: Vec::new(),
            max_runs: MAX_RUNS,
        }
    }

    /// Sets the provider of the tracer. The default is the global one at the time of [`build`](Self::build).
    pub fn tracer_provider<P>(mut self, provider: P) -> Self
    where
        P: TracerProvider + 'static,
        P::Tracer: Tracer<Span: Span + Send + Sync + 'static> + Send + Sync + 'static,
    {
        let tracer = move |scope| BoxedTracer::new(Box::new(provider.tracer_with_scope(scope)));
        self.tracer = Some(Box::new(tracer));
        self
    }

    /// Sets the tracer itself, which keeps its instrumentation scope.
    pub fn tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer<Span: Span + Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.tracer = Some(Box::new(move |_scope| BoxedTracer::new(Box::new(tracer))));
        self
    }

    /// Sets the provider of the logger, which receives an event with each call's [content](OtelContent::Event), if
    /// content is recorded in events, and `gen_ai.client.operation.exception` for each model call that fails. There
    /// is no default: OpenTelemetry has no global logger provider.
    pub fn logger_provider<P>(mut self, provider: P) -> Self
    where
        P: LoggerProvider + 'static,
        P::Logger: Logger + Send + Sync + 'static,
    {
        let logger = move |scope| ErasedLogger::new(provider.logger_with_scope(scope));
        self.logger = Some(Box::new(logger));
        self
    }

    /// Sets which version of the conventions names spans and attributes.
    pub fn conventions(mut self, conventions: SemanticConventions) -> Self {
        self.conventions = conventions;
        self
    }

    /// Sets where content is recorded (default [`OtelContent::Off`]).
    pub fn content(mut self, content: OtelContent) -> Self {
        self.content = content;
        self
    }

    /// Adds the attributes that a certain tool shows. Several may be added.
    pub fn profile(mut self, profile: OtelProfile) -> Self {
        if !self.profiles.contains(&profile) {
            self.profiles.push(profile);
        }
        self
    }

    /// Sets which keys of the metadata are recorded (default `tenant`), as `run.metadata.` and the key. Texts, numbers and
    /// booleans are.
    pub fn metadata<K: Into<Arc<str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.identity.metadata = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets which keys of the metadata are the session (default `session_id`) and the user (default `user_id`), recorded as
    /// `session.id` and `user.id`.
    pub fn session_and_user(
        mut self,
        session: impl Into<Arc<str>>,
        user: impl Into<Arc<str>>,
    ) -> Self {
        (self.identity.session, self.identity.user) = (session.into(), user.into());
        self
    }

    /// Sets the maximum number of open runs (default 10,000). Beyond it the span of an old run is ended with status
    /// `Error`.
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// Builds the handler.
    #[must_use]
    pub fn build(self) -> OtelSpans {
        let scope = self.conventions.scope();
        let tracer = match self.tracer {
            Some(tracer) => tracer(scope.clone()),
            None => global::tracer_with_scope(scope.clone()),
        };
        OtelSpans(Arc::new(SpansInner {
            tracer,
            logs: self.logger.map(|logger| logger(scope)),
            conventions: self.conventions,
            content: self.content,
            identity: self.identity,
            profiles: self.profiles,
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
