use prost::Message;

/// The response to an export, of any signal: `ExportTraceServiceResponse` and its like, whose fields have the same numbers. See
/// <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/collector/trace/v1/trace_service.proto>.
#[derive(Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// What a receiver says that has taken a part of an export only.
#[derive(Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

impl PartialSuccess {
    /// Reads the body of a response. `None` if everything was taken.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        // An empty body is a response without fields. What is none of OTLP says nothing.
        let partial = ExportResponse::decode(body).ok()?.partial_success?;
        // A message without a number is advice.
        (partial.rejected > 0).then_some(partial)
    }

    pub(super) fn rejected(&self) -> usize {
        usize::try_from(self.rejected).unwrap_or_default()
    }
}
