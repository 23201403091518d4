/// The destination of content: prompts, answers, tool definitions, and the inputs and outputs of tools and retrievers.
///
/// Content that a layer does not capture ([`ContentCapture`](crate::ContentCapture)) is never recorded, and the
/// layer's limits apply. If a model run is nested in another model run that the handler observed, content is
/// recorded with the outer run only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OtelContent {
    /// Content is not recorded. The default.
    #[default]
    Off,
    /// In span attributes, as JSON strings.
    Span,
    /// In an event `gen_ai.client.inference.operation.details` when the call ends: a log record with structured
    /// attributes if a [logger](super::OtelSpansBuilder::logger_provider) is set, otherwise a span event. Tools
    /// have no such event, so their inputs and outputs are not recorded.
    Event,
    /// In both.
    Both,
}

impl OtelContent {
    pub(super) fn on_spans(self) -> bool {
        matches!(self, Self::Span | Self::Both)
    }

    pub(super) fn in_events(self) -> bool {
        matches!(self, Self::Event | Self::Both)
    }
}
