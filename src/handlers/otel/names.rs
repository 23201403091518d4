//! The names of all spans, metrics, events and attributes. They are defined here because the published crate
//! deprecated its constants when the conventions moved to their own repository.

use opentelemetry::InstrumentationScope;

/// A version of the semantic conventions for generative AI.
///
/// The conventions are not stable. Version 1.41.1 is the last that was released as part of OpenTelemetry's general
/// conventions; since then they live in a repository of their own, where names have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(non_camel_case_types, reason = "a version")]
#[non_exhaustive]
pub enum SemanticConventions {
    /// Version 1.41.1. The default.
    #[default]
    V1_41,
    /// The conventions' own repository, as of November 2026: inference metrics are named
    /// `gen_ai.client.inference.*`, counters count token usage, and tokens written to a cache are `cache_write`.
    /// The names change with releases of this crate.
    Latest,
    /// What the reference Python package (`opentelemetry-util-genai` 1.3b0) writes: the names of 1.41.1 for metrics, and those
    /// of [`Latest`](Self::Latest) for attributes.
    PythonUtil,
}

impl SemanticConventions {
    /// Returns the instrumentation scope of the handlers' spans, metrics and logs.
    pub(super) fn scope(self) -> InstrumentationScope {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"));
        match self {
            Self::V1_41 => scope.with_schema_url("https://opentelemetry.io/schemas/1.41.1").build(),
            // No schema is published.
            Self::Latest | Self::PythonUtil => scope.build(),
        }
    }

    pub(super) fn cache_write(self) -> &'static str {
        match self {
            Self::V1_41 => "gen_ai.usage.cache_creation.input_tokens",
            Self::Latest | Self::PythonUtil => "gen_ai.usage.cache_write.input_tokens",
        }
    }

    pub(super) fn duration(self) -> &'static str {
        match self {
            Self::V1_41 | Self::PythonUtil => "gen_ai.client.operation.duration",
            Self::Latest => "gen_ai.client.inference.duration",
        }
    }

    pub(super) fn time_to_first_chunk(self) -> &'static str {
        match self {
            Self::V1_41 | Self::PythonUtil => "gen_ai.client.operation.time_to_first_chunk",
            Self::Latest => "gen_ai.client.inference.time_to_first_chunk",
        }
    }

    pub(super) fn time_per_output_chunk(self) -> &'static str {
        match self {
            Self::V1_41 | Self::PythonUtil => "gen_ai.client.operation.time_per_output_chunk",
            Self::Latest => "gen_ai.client.inference.time_per_output_chunk",
        }
    }
}

// Metrics.
pub(super) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(super) const USAGE_INPUT: &str = "gen_ai.client.inference.usage.input_tokens";
pub(super) const USAGE_OUTPUT: &str = "gen_ai.client.inference.usage.output_tokens";
pub(super) const USAGE_CACHE_READ: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
pub(super) const USAGE_CACHE_WRITE: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
pub(super) const USAGE_REASONING: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
pub(super) const OPERATION_INPUT: &str = "gen_ai.client.inference.operation.input_tokens";
pub(super) const OPERATION_OUTPUT: &str = "gen_ai.client.inference.operation.output_tokens";
/// Embeddings have metrics of their own in `semantic-conventions-genai`.
pub(super) const EMBEDDINGS_DURATION: &str = "gen_ai.client.embeddings.duration";
pub(super) const EMBEDDINGS_INPUT: &str = "gen_ai.client.embeddings.operation.input_tokens";
/// In `semantic-conventions-genai` and `opentelemetry-util-genai` 1.3b0, not in 1.41.1.
pub(super) const TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
/// In `semantic-conventions-genai` only.
pub(super) const AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";
pub(super) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(super) const TOKEN_MODALITY: &str = "gen_ai.token.modality";

// Operations.
pub(super) const EXECUTE_TOOL: &str = "execute_tool";
pub(super) const INVOKE_AGENT: &str = "invoke_agent";
pub(super) const RETRIEVAL: &str = "retrieval";

// Requests.
pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const CONVERSATION: &str = "gen_ai.conversation.id";
pub(super) const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub(super) const MODEL: &str = "gen_ai.request.model";
pub(super) const STREAM: &str = "gen_ai.request.stream";
pub(super) const CHOICE_COUNT: &str = "gen_ai.request.choice.count";
pub(super) const ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
pub(super) const SEED: &str = "gen_ai.request.seed";
pub(super) const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(super) const TEMPERATURE: &str = "gen_ai.request.temperature";
pub(super) const TOP_P: &str = "gen_ai.request.top_p";
pub(super) const TOP_K: &str = "gen_ai.request.top_k";
pub(super) const FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(super) const PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// In `semantic-conventions-genai` and `opentelemetry-util-genai` 1.3b0, not in 1.41.1.
pub(super) const REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
/// As [`REASONING_LEVEL`].
pub(super) const PREVIOUS_RESPONSE: &str = "gen_ai.request.previous_response.id";
pub(super) const STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const OPENAI_API: &str = "openai.api.type";
pub(super) const OPENAI_TIER: &str = "openai.request.service_tier";
/// OpenAI's conventions (`docs/gen-ai/openai.md`, in 1.41.1 and since) have it for spans, durations and tokens.
pub(super) const OPENAI_RESPONSE_TIER: &str = "openai.response.service_tier";
/// As [`OPENAI_RESPONSE_TIER`].
pub(super) const OPENAI_FINGERPRINT: &str = "openai.response.system_fingerprint";

// Responses.
pub(super) const ERROR_TYPE: &str = "error.type";
/// The conventions' fallback value of `error.type`, used for all values beyond a bound.
pub(super) const OTHER: &str = "_OTHER";
pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";
pub(super) const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

/// The beginning of the names of tokens by modality, such as `gen_ai.usage.audio.input_tokens`. In
/// `semantic-conventions-genai`, not in 1.41.1.
pub(super) const USAGE: &str = "gen_ai.usage.";

// Agents, tools and retrievers.
pub(super) const AGENT_NAME: &str = "gen_ai.agent.name";
pub(super) const AGENT_ID: &str = "gen_ai.agent.id";
pub(super) const AGENT_DESCRIPTION: &str = "gen_ai.agent.description";
pub(super) const AGENT_VERSION: &str = "gen_ai.agent.version";
pub(super) const DATA_SOURCE: &str = "gen_ai.data_source.id";
pub(super) const TOOL_NAME: &str = "gen_ai.tool.name";
pub(super) const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
pub(super) const TOOL_TYPE: &str = "gen_ai.tool.type";
pub(super) const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";

// Calls of MCP servers, which are tools.
pub(super) const MCP_METHOD: &str = "mcp.method.name";

// Content (opt-in).
pub(super) const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
pub(super) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(super) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(super) const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
pub(super) const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
pub(super) const TOOL_RESULT: &str = "gen_ai.tool.call.result";
pub(super) const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
pub(super) const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";

// Events.
pub(super) const DETAILS: &str = "gen_ai.client.inference.operation.details";
pub(super) const EXCEPTION: &str = "gen_ai.client.operation.exception";
pub(super) const EXCEPTION_TYPE: &str = "exception.type";
pub(super) const EXCEPTION_MESSAGE: &str = "exception.message";

// Who calls: OpenTelemetry's registry of attributes, `session.id` and `user.id`.
pub(super) const SESSION: &str = "session.id";
pub(super) const USER: &str = "user.id";

// Names that the conventions do not define.
pub(super) const RUN_ID: &str = "run.id";
pub(super) const RUN_NAME: &str = "run.name";
pub(super) const RUN_TAGS: &str = "run.tags";
/// The beginning of the names of chosen metadata.
pub(super) const RUN_METADATA: &str = "run.metadata.";
pub(super) const RUN_COST: &str = "run.cost.total";
pub(super) const RUN_CURRENCY: &str = "run.cost.currency";
/// How the tokens are known, if they are not reported.
pub(super) const RUN_INPUT_SOURCE: &str = "run.usage.input_source";
/// As [`RUN_INPUT_SOURCE`].
pub(super) const RUN_OUTPUT_SOURCE: &str = "run.usage.output_source";
pub(super) const RETRY: &str = "retry";
pub(super) const RETRY_ATTEMPT: &str = "retry.attempt";
pub(super) const RETRY_ERROR: &str = "retry.error";
pub(super) const CUSTOM_VALUE: &str = "value";

/// Bucket boundaries of token histograms.
pub(super) const TOKEN_BUCKETS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bucket boundaries of duration histograms.
pub(super) const SECOND_BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bucket boundaries of the durations of agents.
pub(super) const AGENT_BUCKETS: [f64; 13] =
    [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];
