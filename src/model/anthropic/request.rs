use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use super::block::{Block, Content};
use crate::chat::{ChatRequest, ModelError, Role, Tool, ToolChoice};

/// The body of the HTTP request for a chat request.
pub(super) fn body(
    request: &ChatRequest,
    default_max_tokens: Option<u32>,
) -> Result<Vec<u8>, ModelError> {
    let body = Body::new(request, default_max_tokens)?;
    serde_json::to_vec(&body)
        .map_err(|_| ModelError::invalid("a part of it cannot be written as JSON"))
}

struct Body<'a> {
    request: &'a ChatRequest,
    max_tokens: Option<u32>,
    system: Content<'a>,
    messages: Vec<Turn<'a>>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Content<'a>,
    /// Whether it is made of tool results, to which those that follow are added.
    #[serde(skip)]
    tool: bool,
}

impl<'a> Body<'a> {
    fn new(request: &'a ChatRequest, default: Option<u32>) -> Result<Self, ModelError> {
        let invalid = |message| Err(ModelError::invalid(message));
        let given = |name| request.params.contains_key(name);
        if request.model.is_empty() && !given("model") {
            return invalid("it names no model: give one to ChatRequest::new");
        }
        let max_tokens = request.max_tokens.or(default);
        match max_tokens {
            _ if given("max_tokens") => {}
            None => return invalid("Anthropic wants max_tokens: set it, or default_max_tokens"),
            Some(0) => return invalid("max_tokens is 0: set it to at least 1"),
            Some(_) => {}
        }
        for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
            if value.is_some_and(|value| !value.is_finite()) {
                return Err(ModelError::invalid(format!("{name} is not a finite number")));
            }
        }
        let (system, messages) = turns(request);
        if messages.is_empty() && !given("messages") {
            return invalid("it has no message to answer: add one, such as with user(text)");
        }
        Ok(Self { request, max_tokens, system: Content(system), messages })
    }
}

/// What belongs to `system`, and the rest.
fn turns(request: &ChatRequest) -> (Vec<Block<'_>>, Vec<Turn<'_>>) {
    let mut system: Vec<_> = request.system.iter().map(|text| Block::Text { text }).collect();
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in request.messages.iter() {
        let blocks = message.content.iter().filter_map(Block::new);
        let (role, tool) = match message.role {
            Role::System => {
                system.extend(blocks);
                continue;
            }
            Role::User => ("user", false),
            Role::Assistant => ("assistant", false),
            Role::Tool => ("user", true),
        };
        match turns.last_mut() {
            Some(last) if last.tool && tool => last.content.0.extend(blocks),
            _ => {
                let content = Content(blocks.collect());
                if !content.0.is_empty() {
                    turns.push(Turn { role, content, tool });
                }
            }
        }
    }
    (system, turns)
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.request;
        let mut fields = Fields { map: serializer.serialize_map(None)?, request };
        fields.set("model", Some(&request.model))?;
        fields.set("max_tokens", self.max_tokens)?;
        fields.set("system", Some(&self.system).filter(|system| !system.0.is_empty()))?;
        fields.set("messages", Some(&self.messages))?;
        fields.set("temperature", request.temperature)?;
        fields.set("top_p", request.top_p)?;
        fields.set("top_k", request.top_k)?;
        fields.set("stop_sequences", Some(&request.stop).filter(|stop| !stop.is_empty()))?;
        let tools: Vec<_> = request.tools.iter().map(tool).collect();
        fields.set("tools", Some(tools).filter(|tools| !tools.is_empty()))?;
        fields.set("tool_choice", request.tool_choice.as_ref().map(tool_choice))?;
        fields.set("stream", Some(request.stream))?;
        for (name, value) in &request.params {
            fields.map.serialize_entry(name, value)?;
        }
        fields.map.end()
    }
}

/// The fields of the body; those that the request's parameters name are left to them.
struct Fields<'a, M> {
    map: M,
    request: &'a ChatRequest,
}

impl<M: SerializeMap> Fields<'_, M> {
    fn set(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        match value {
            Some(value) if !self.request.params.contains_key(name) => {
                self.map.serialize_entry(name, &value)
            }
            _ => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: &'a Value,
}

fn tool(tool: &Tool) -> WireTool<'_> {
    let Tool { name, description, parameters } = tool;
    WireTool { name, description: description.as_deref(), input_schema: parameters }
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": name}),
    }
}
