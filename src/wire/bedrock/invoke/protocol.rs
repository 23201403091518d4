use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    dialect::{self, Dialect},
    head::Head,
};
use crate::{
    event::Delta,
    wire::{
        LlmHttpResponse, base64,
        json::{self, ReadError, Text},
        operations::{element::Element, protocol::Operation},
        protocol::Protocol,
        usage,
    },
};

/// The headers in which Bedrock reports the usage of an answer that is not streamed, and their names in
/// `amazon-bedrock-invocationMetrics`. SDKs' models do not have them; recorded answers do.
const COUNTS: [(&str, &str); 4] = [
    ("x-amzn-bedrock-input-token-count", "inputTokenCount"),
    ("x-amzn-bedrock-output-token-count", "outputTokenCount"),
    ("x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount"),
    ("x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount"),
];

/// The protocol of the answers and chunks of an invocation.
#[derive(Debug, Default)]
pub(super) struct Invoke {
    dialect: Option<Dialect>,
    rest: Rest,
    /// The type of the vectors' numbers.
    element: Element,
    /// Whether outputs themselves are emitted.
    emits: bool,
}

/// What Bedrock itself says of an answer, which is emitted where the answer does not say it.
#[derive(Debug, Default)]
struct Rest {
    /// The model of the request.
    model: Option<String>,
    counts: Map<String, Value>,
    tier: Option<String>,
    /// The answer itself has said its input, and its output.
    reported: (bool, bool),
    /// A guardrail has replaced the answer.
    blocked: bool,
    ended: bool,
}

/// The payload of a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

impl Invoke {
    pub(super) fn of(response: &LlmHttpResponse<'_>) -> Self {
        let header = |name| response.headers.get(name)?.to_str().ok();
        let counts = COUNTS.iter().filter_map(|(name, own)| {
            let count: u64 = header(*name)?.trim().parse().ok()?;
            Some(((*own).to_owned(), count.into()))
        });
        let rest = Rest {
            model: response.request.and_then(|it| it.model.as_deref()).map(Into::into),
            counts: counts.collect(),
            tier: header("x-amzn-bedrock-service-tier").map(Into::into),
            ..Rest::default()
        };
        let params = response.request.map(|request| &request.params);
        let element = params.map(Element::requested).unwrap_or_default();
        Self { dialect: None, rest, element, emits: response.outputs }
    }

    /// Reads a chunk, as its family of models writes it.
    fn chunk(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let head = Head::of(json);
        let Self { dialect, rest, .. } = self;
        rest.blocked |= head.blocked;
        let is_last = head.metrics.is_some();
        if let Some(metrics) = head.metrics {
            rest.counts = metrics;
        }
        if head.has_content || !is_last {
            // A first chunk without content decides nothing.
            if dialect.as_ref().is_none_or(|it| head.dialect.is_some() && !it.has_begun()) {
                *dialect = Some(Dialect::of(head.dialect));
            }
            let Some(dialect) = dialect else { return Ok(()) };
            dialect.event(head.event, json, &mut |delta| rest.pass(delta, each))?;
            rest.model(each);
        }
        if is_last {
            self.eof(each);
            self.rest.pass(Delta::Done, each);
        }
        Ok(())
    }
}

impl Rest {
    /// Passes on a delta of the answer; before the last one, what it lacks.
    fn pass(&mut self, delta: Delta<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        match &delta {
            _ if self.ended => return,
            // Where only the metrics count, the model's own counts are zeros.
            Delta::Usage { usage, .. } if usage.counts_something() => {
                self.reported.0 |= usage.input_tokens.is_some();
                self.reported.1 |= usage.output_tokens.is_some();
            }
            Delta::Done | Delta::Error(_) => {
                self.model(each);
                self.usage(each);
                self.ended = true;
            }
            _ => {}
        }
        each(delta);
    }

    /// Emits the model of the request, after that of the answer: the first one counts.
    fn model(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(model) = self.model.take().filter(|_| !self.ended) {
            each(Delta::Response { id: None, model: Some(model.into()) });
        }
    }

    fn usage(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let counts = std::mem::take(&mut self.counts);
        if self.reported != (true, true) && !counts.is_empty() {
            let mut usage = usage::read(&counts);
            usage.service_tier = self.tier.take().map(Into::into);
            if usage.output_tokens.is_none() {
                // That of an embedding, which has no output.
                usage.total_tokens = usage.input_tokens;
            }
            let raw = Some(std::borrow::Cow::Owned(Value::Object(counts)));
            each(Delta::Usage { usage, raw });
        }
    }
}

impl Protocol for Invoke {
    const HAS_FRAMES: bool = true;

    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let payload: Payload<'_> = json::read(data)?;
        let Some(bytes) = payload.bytes.as_deref() else {
            // The text of a chunk that was repaired, or what a proxy has unpacked.
            return self.chunk(data, each);
        };
        let chunk = base64::decoded(bytes).ok_or(ReadError::Unreadable)?;
        self.chunk(&String::from_utf8_lossy(&chunk), each)
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let head = Head::of(json);
        let rest = &mut self.rest;
        if let Some(metrics) = head.metrics {
            rest.counts = metrics;
        }
        let outputs = Operation::of(self.element).emits(self.emits);
        dialect::whole(head.dialect, outputs, json, &mut |delta| rest.pass(delta, each))
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { dialect, rest, .. } = self;
        if let Some(dialect) = dialect {
            dialect.eof(&mut |delta| rest.pass(delta, each));
        }
        if rest.blocked {
            rest.pass(Delta::Done, each);
        }
    }
}
