use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use super::{
    caller_rule::{CallerRule, InvalidCallerRule, Source, Target},
    caller_source::{Body, baggage, member, parsed, values},
};
use crate::{redact, run::Run};

/// Which facts about callers become metadata and tags of their runs: see
/// [`HttpCallbackLayer::callers`](crate::HttpCallbackLayer::callers).
///
/// A list of what is allowed: what no rule names is not read. Of several rules with one key, the first that finds a value
/// counts, and metadata that the application sets precedes all of them. Values that are longer than 200 bytes, or that look
/// like a key, are left out, and a run has at most 32 tags of callers.
///
/// Presets have ids of sessions and agents, and names of applications. What identifies a person is no part of them: ask for it
/// by its name.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::CallerRules};
///
/// # fn main() -> Result<(), tower_llm_callbacks::http_layer::InvalidCallerRule> {
/// let callers = CallerRules::new()
///     .preset("claude-code")?
///     .preset("codex")?
///     .rule("header:x-team=tenant".parse()?)
///     .rule("body:safety_identifier=user_id".parse()?);
/// let layer = HttpCallbackLayer::new(Callbacks::new()).callers(callers);
/// # Ok(()) }
/// ```
///
/// | preset | metadata | tags |
/// |---|---|---|
/// | `claude-code` | `session_id`, `agent_id`, `parent_agent_id` | |
/// | `codex` | `session_id`, `thread_id`, `turn_id`, `agent` | |
/// | `openrouter` | `app`, `session_id` | |
/// | `litellm` | `session_id`, `agent_id` | the tags of the request |
/// | `helicone` | `session_id`, `session_name`, `session_path`, `property.…` | |
/// | `langfuse` | `session_id`, `trace_name` | the tags of the request |
/// | `baggage` | `session_id` | |
#[derive(Debug, Clone, Default)]
pub struct CallerRules {
    pub(super) rules: Vec<CallerRule>,
}

impl CallerRules {
    /// Creates rules that read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: CallerRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds the rules of a preset.
    ///
    /// # Errors
    ///
    /// If no preset has this name.
    pub fn preset(mut self, name: &str) -> Result<Self, InvalidCallerRule> {
        let of_name = |(preset, _): &&(&str, &[&str])| *preset == name;
        let Some((_, rules)) = PRESETS.iter().find(of_name) else {
            let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
            let message = format!("`{name}` is no preset: expected one of {}", names.join(", "));
            return Err(InvalidCallerRule::new(message));
        };
        for rule in *rules {
            self.rules.push(rule.parse()?);
        }
        Ok(self)
    }

    /// Adds a preset by its name, or a rule: what a command line or a configuration has.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn parse(self, text: &str) -> Result<Self, InvalidCallerRule> {
        match text.contains(['=', ':']) {
            true => Ok(self.rule(text.parse()?)),
            false => self.preset(text),
        }
    }

    /// Returns true if nothing is read.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds what the rules find to a run that has not started. What it has already stays.
    pub(super) fn identify(&self, run: &mut Run, headers: &HeaderMap, body: impl FnOnce() -> Body) {
        let body = std::cell::LazyCell::new(body);
        let (mut metadata, mut tags) = (Vec::<(String, Value)>::new(), Vec::<Arc<str>>::new());
        for CallerRule { source, target } in &self.rules {
            let mut found: Vec<(&str, Value)> = Vec::new();
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
            match source {
                Source::Header(name) => found.extend(text(name).map(|value| ("", value.into()))),
                Source::InHeader(name, path) => {
                    let member = text(name).and_then(|json| member(&parsed(json)?, path));
                    found.extend(member.map(|value| ("", value)));
                }
                Source::Headers(prefix) => {
                    for (name, value) in headers {
                        let rest = name.as_str().strip_prefix(prefix.as_str());
                        // These were not asked for by their names.
                        let rest = rest.filter(|rest| !redact::is_of_person(rest));
                        let rest = rest.filter(|_| !redact::is_credential(name.as_str()));
                        if let (Some(rest), Ok(value)) = (rest, value.to_str()) {
                            found.push((rest, value.into()));
                        }
                    }
                }
                Source::Body(path) => found.extend(body.member(path).map(|value| ("", value))),
                Source::Baggage(key) => {
                    found.extend(baggage(headers, key).map(|value| ("", value.into())));
                }
            }
            for (rest, value) in found.into_iter().take(MOST) {
                match target {
                    Target::Metadata(key) => {
                        let key = format!("{key}{rest}");
                        let known = metadata.iter().any(|(other, _)| *other == key);
                        if let Some(value) = values(&value, false).pop()
                            && !known
                        {
                            metadata.push((key, value));
                        }
                    }
                    Target::Tags(prefix) => {
                        for tag in values(&value, true) {
                            if let Value::String(tag) = tag {
                                tags.push(format!("{prefix}{tag}").into());
                            }
                        }
                    }
                }
            }
        }
        tags.truncate(MOST);
        if !metadata.is_empty() || !tags.is_empty() {
            run.identify(metadata, tags);
        }
    }
}

/// The most tags, and headers with one prefix.
const MOST: usize = 32;

/// What is documented of the clients and gateways of these names, or seen of them.
const PRESETS: [(&str, &[&str]); 7] = [
    (
        "claude-code",
        &[
            "header:x-claude-code-session-id=session_id",
            "header:x-claude-code-agent-id=agent_id",
            "header:x-claude-code-parent-agent-id=parent_agent_id",
            "body:metadata.user_id.session_id=session_id",
        ],
    ),
    (
        "codex",
        &[
            "header:session-id=session_id",
            "header:session_id=session_id",
            "header:conversation_id=session_id",
            "header:x-codex-turn-metadata/session_id=session_id",
            "body:client_metadata.session_id=session_id",
            "header:thread-id=thread_id",
            "header:x-codex-turn-metadata/thread_id=thread_id",
            "header:x-codex-turn-metadata/turn_id=turn_id",
            "header:x-openai-subagent=agent",
        ],
    ),
    (
        "openrouter",
        &[
            "header:x-openrouter-title=app",
            "header:x-title=app",
            "header:x-session-id=session_id",
            "body:session_id=session_id",
        ],
    ),
    (
        "litellm",
        &[
            "header:x-litellm-session-id=session_id",
            "header:x-litellm-trace-id=session_id",
            "header:x-litellm-agent-id=agent_id",
            "header:x-litellm-tags=tag:",
            "body:litellm_session_id=session_id",
            "body:metadata.session_id=session_id",
            "body:metadata.tags=tag:",
        ],
    ),
    (
        "helicone",
        &[
            "header:helicone-session-id=session_id",
            "header:helicone-session-name=session_name",
            "header:helicone-session-path=session_path",
            "headers:helicone-property-=property.",
        ],
    ),
    (
        "langfuse",
        &[
            "header:langfuse_session_id=session_id",
            "header:langfuse-session-id=session_id",
            "header:langfuse_trace_name=trace_name",
            "header:langfuse_tags=tag:",
            "body:metadata.langfuse_session_id=session_id",
        ],
    ),
    ("baggage", &["baggage:session.id=session_id", "baggage:langfuse_session_id=session_id"]),
];
