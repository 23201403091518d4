/// Whether prompts, answers, tool definitions, and what tools are given and give back, are written, and where.
///
/// Whatever is not captured by a layer ([`ContentCapture`](crate::ContentCapture)) is not written either, and
/// limits of the layer hold here too. Of a model run in a model run that the handler heard of, content is written
/// with the outer one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OtelContent {
    /// Nowhere. The default.
    #[default]
    Off,
    /// In attributes of the span, as JSON texts.
    Span,
    /// In an event `gen_ai.client.inference.operation.details` when the call ends: a log record with
    /// structured attributes where there is a
    /// [logger](super::OtelSpansBuilder::logger_provider), else an event of the span. (Tools have no such
    /// event: what they are given is not written.)
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
