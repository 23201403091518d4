use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::{
    prompt_words::{PromptWords, Section},
    request_walk::{self, Found},
    text_count::TextCount,
};
use crate::event::LlmStart;

/// What a request consists of: words of its text, its tools and its schema, and what cannot be counted.
///
/// The shape of any provider is read: texts wherever they are, but no ids, types, signatures, addresses and media. Of more
/// than 64 KiB of text, samples are counted that are spread over all of it; their sum is then within about 2 % of the
/// whole for prose, and within 10 % for a prompt whose parts differ much.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::{LlmStart, Prompt, estimate::RequestCount};
///
/// let start = LlmStart::new("openai", "chat_completions")
///     .messages(Prompt::json(json!([{"role": "user", "content": "The capital of France?"}])));
/// let count = RequestCount::of(&start).unwrap();
/// assert_eq!((count.messages, count.text_words.round()), (1, 5.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct RequestCount {
    /// The words of the text: prompts, calls of tools and their results.
    pub text_words: f64,
    /// The number of messages, a system prompt included.
    pub messages: u64,
    /// The number of calls of tools in the messages.
    pub calls: u64,
    /// The number of functions that the model may call.
    pub tools: u64,
    /// The words of the names, descriptions and schemas of these functions.
    pub tools_words: f64,
    /// The words of the schema that the answer has to match.
    pub schema_words: f64,
    /// The bytes of all that was counted or sampled.
    pub bytes: u64,
    /// How the request chooses tools.
    pub tool_choice: ToolChoice,
    /// Whether there are images, audio, video or files.
    pub media: bool,
    /// Whether the provider may run tools of its own.
    pub server_tools: bool,
    /// Whether the provider adds what it keeps, such as an earlier answer.
    pub stored_context: bool,
    /// Whether there is reasoning that the provider reads and nobody else.
    pub hidden_reasoning: bool,
    /// Identifies the set of functions.
    pub(super) tool_set: u64,
}

/// How a request chooses tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model chooses; also if nothing is said.
    #[default]
    Auto,
    /// No tool may be called.
    None,
    /// Some tool has to be called.
    Any,
    /// A certain tool has to be called.
    Named,
}

/// The parameters that are text of the prompt, where a format leaves them among the parameters.
const TEXTS: [&str; 7] = [
    "system",
    "systemInstruction",
    "system_instruction",
    "instructions",
    "preamble",
    "documents",
    "chat_history",
];

impl RequestCount {
    /// Counts a request. Returns `None` if its prompt is not captured.
    ///
    /// Reads the prompt, which builds a lazy one.
    pub fn of(request: &LlmStart) -> Option<Self> {
        Self::counted(request, &TextCount::default())
    }

    /// As [`of`](Self::of), with copies of an empty count.
    pub(super) fn counted(request: &LlmStart, empty: &TextCount) -> Option<Self> {
        let prompt = request.messages.get()?;
        let params = &request.params;
        let (mut words, mut set) = (PromptWords::whole(empty), DefaultHasher::new());
        let mut found = walk(prompt, params, &mut words, &mut set);
        if words.is_too_large() {
            words = PromptWords::samples(words.bytes(), empty);
            set = DefaultHasher::new();
            found = walk(prompt, params, &mut words, &mut set);
        }
        (found.tools, words.bytes_of(Section::Tools)).hash(&mut set);
        let messages = match prompt {
            Value::Array(items) => items.len(),
            Value::Null => 0,
            _ => 1,
        };
        let texts = TEXTS.iter().filter(|name| params.contains_key(**name)).count();
        Some(Self {
            text_words: words.words(Section::Text),
            messages: (messages + texts) as u64,
            calls: found.calls,
            tools: found.tools,
            tools_words: words.words(Section::Tools),
            schema_words: words.words(Section::Schema),
            bytes: words.bytes(),
            tool_choice: ToolChoice::of(request),
            media: found.media,
            server_tools: found.server_tools,
            stored_context: found.stored_context || has_stored_context(params),
            hidden_reasoning: found.hidden_reasoning,
            tool_set: set.finish(),
        })
    }
}

/// Adds the texts, the tools and the schema of a request.
fn walk(
    prompt: &Value,
    params: &Map<String, Value>,
    out: &mut PromptWords,
    set: &mut impl Hasher,
) -> Found {
    let mut found = Found::default();
    out.section(Section::Text);
    request_walk::text(prompt, out, &mut found);
    for value in TEXTS.iter().filter_map(|name| params.get(*name)) {
        request_walk::text(value, out, &mut found);
    }
    out.section(Section::Tools);
    for tools in tool_lists(params) {
        request_walk::tools(tools, out, &mut found, set);
    }
    out.section(Section::Schema);
    if let Some(schema) = schema(params) {
        out.json(schema);
    }
    found
}

fn tool_lists(params: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let nested = ["toolConfig", "tool_config"]
        .into_iter()
        .filter_map(|name| params.get(name).and_then(|config| config.get("tools")));
    ["tools", "functions"].into_iter().filter_map(|name| params.get(name)).chain(nested)
}

fn has_stored_context(params: &Map<String, Value>) -> bool {
    let set = |name: &&str| params.get(*name).is_some_and(|value| !value.is_null());
    ["previous_response_id", "conversation", "cachedContent", "cached_content"].iter().any(set)
        // A template that the provider keeps.
        || params.get("prompt").is_some_and(Value::is_object)
}

/// Returns the schema of the answer, at whichever place the API has it.
fn schema(params: &Map<String, Value>) -> Option<&Value> {
    const PATHS: [&[&str]; 16] = [
        &["response_format", "json_schema", "schema"],
        &["response_format", "json_schema"],
        &["response_format", "schema"],
        &["text", "format", "schema"],
        &["output_config", "format", "schema"],
        &["output_format", "schema"],
        &["outputConfig", "textFormat", "structure", "jsonSchema", "schema"],
        &["generationConfig", "responseSchema"],
        &["generationConfig", "responseJsonSchema"],
        &["generationConfig", "_responseJsonSchema"],
        &["generationConfig", "response_schema"],
        &["generationConfig", "response_json_schema"],
        &["generation_config", "response_schema"],
        &["generation_config", "response_json_schema"],
        &["response_schema"],
        &["format"],
    ];
    PATHS.iter().find_map(|path| {
        let (first, rest) = path.split_first()?;
        let found = rest.iter().try_fold(params.get(*first)?, |value, name| value.get(name))?;
        let is_schema = found.is_object() || (found.is_string() && *path == PATHS[6]);
        is_schema.then_some(found)
    })
}

impl ToolChoice {
    /// Returns how a request chooses tools, at whichever place the API has it.
    pub fn of(request: &LlmStart) -> Self {
        let params = &request.params;
        let choice = ["tool_choice", "function_call"].iter().find_map(|name| params.get(*name));
        let config = ["toolConfig", "tool_config"].iter().find_map(|name| params.get(*name));
        let config = config.and_then(|config| {
            let calling = config
                .get("functionCallingConfig")
                .or_else(|| config.get("function_calling_config"));
            calling.or_else(|| config.get("toolChoice"))
        });
        match choice.or(config) {
            Some(Value::String(word)) => of_word(word),
            Some(Value::Object(choice)) => {
                let word = ["type", "mode"].iter().find_map(|name| choice.get(*name)?.as_str());
                match word {
                    Some(word) => of_word(word),
                    None if choice.contains_key("any") => ToolChoice::Any,
                    None if choice.contains_key("tool") || choice.contains_key("name") => {
                        ToolChoice::Named
                    }
                    None => ToolChoice::Auto,
                }
            }
            _ => ToolChoice::Auto,
        }
    }
}

fn of_word(word: &str) -> ToolChoice {
    match word {
        "none" | "NONE" => ToolChoice::None,
        "any" | "ANY" | "required" | "REQUIRED" => ToolChoice::Any,
        "tool" | "function" | "custom" => ToolChoice::Named,
        _ => ToolChoice::Auto,
    }
}
