//! The events of an answer that fails after its first text.

use super::super::{
    answer::Answer,
    framing::Event,
    json::{Json, object},
    protocols::Protocol,
};

pub fn beginning(protocol: Protocol, answer: &Answer) -> Vec<Event> {
    let (id, model, text) = (&answer.id, &answer.model, &answer.text);
    match protocol {
        Protocol::Anthropic => {
            let message = object! { "id": id, "type": "message", "model": model };
            let start = object! { "type": "message_start", "message": message };
            let block = object! { "type": "text", "text": "" };
            let open = object! { "type": "content_block_start", "content_block": block };
            let delta = object! { "type": "text_delta", "text": text };
            let delta = object! { "type": "content_block_delta", "delta": delta };
            vec![
                Event::named("message_start", start),
                Event::named("content_block_start", open.with("index", Json::Index(0))),
                Event::named("content_block_delta", delta.with("index", Json::Index(0))),
            ]
        }
        Protocol::Chat => {
            let choice = object! { "index": Json::Index(0), "delta": object! { "content": text } };
            vec![Event::json(object! { "id": id, "model": model, "choices": [choice] })]
        }
        Protocol::Completions => {
            let choice = object! { "index": Json::Index(0), "text": text };
            vec![Event::json(object! { "id": id, "model": model, "choices": [choice] })]
        }
        Protocol::Responses => {
            let response = object! { "id": id, "model": model, "status": "in_progress" };
            let created = object! { "type": "response.created", "response": response };
            let name = "response.output_text.delta";
            let delta = object! { "type": name, "item_id": "m", "delta": text };
            vec![
                Event::named("response.created", created),
                Event::named(name, delta.with("output_index", Json::Index(0))),
            ]
        }
        Protocol::Gemini => {
            let content = object! { "parts": [object! { "text": text }] };
            let candidate = object! { "content": content };
            vec![Event::json(object! {
                "candidates": [candidate], "modelVersion": model, "responseId": id,
            })]
        }
        Protocol::Cohere => {
            let start = object! { "type": "message-start", "id": id };
            let content = object! { "content": object! { "text": text } };
            let delta =
                object! { "type": "content-delta", "delta": object! { "message": content } };
            vec![
                Event::named("message-start", start),
                Event::named("content-delta", delta.with("index", Json::Index(0))),
            ]
        }
        Protocol::Interactions => {
            let interaction = object! { "id": id, "model": model, "status": "in_progress" };
            let created =
                object! { "event_type": "interaction.created", "interaction": interaction };
            let delta = object! { "type": "text", "text": text };
            let delta = object! { "event_type": "step.delta", "delta": delta };
            vec![
                Event::named("interaction.created", created),
                Event::named("step.delta", delta.with("index", Json::Index(0))),
            ]
        }
        Protocol::Ollama => {
            let message = object! { "role": "assistant", "content": text };
            vec![Event::json(object! { "model": model, "message": message, "done": false })]
        }
    }
}
