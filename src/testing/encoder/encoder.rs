use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{
    api::Api, chat::Chat, gemini::GenerateContent, messages::Messages, ollama::Ollama,
    responses::Responses,
};
use crate::{
    chat::ChatChunk,
    event::{Accumulator, Delta, ProviderError},
};

/// The state of one answer.
#[derive(Debug)]
pub(in crate::testing) struct Encoder {
    api: Box<dyn Api>,
    stream: bool,
    /// What was written so far. A script may end without an end mark, and then so does the answer.
    answer: Accumulator,
    begun: bool,
    ended: bool,
}

impl Encoder {
    /// Returns the encoder for a request; `None` if no API has its path.
    pub(in crate::testing) fn of(path: &str, request: &Value) -> Option<Self> {
        let mut stream = request["stream"] == true;
        let model = request["model"].clone();
        let api: Box<dyn Api> = match path {
            path if path.ends_with("/messages") => Box::new(Messages::new(model)),
            path if path.ends_with("/chat/completions") => Box::new(Chat::new(model)),
            path if path.ends_with("/responses") => Box::new(Responses::new(model)),
            path if path.ends_with("/api/chat") => {
                stream = request["stream"] != false;
                Box::new(Ollama::new(model))
            }
            path => {
                let (resource, method) = path.rsplit_once(':')?;
                stream = method == "streamGenerateContent";
                if !stream && method != "generateContent" {
                    return None;
                }
                Box::new(GenerateContent::new(resource.rsplit_once('/')?.1.into()))
            }
        };
        Some(Self { api, stream, answer: Accumulator::new(), begun: false, ended: false })
    }

    pub(in crate::testing) fn content_type(&self) -> &'static str {
        match (self.stream, self.api.has_lines()) {
            (false, _) => "application/json",
            (true, true) => "application/x-ndjson",
            (true, false) => "text/event-stream",
        }
    }

    /// Returns the body of an error response.
    pub(in crate::testing) fn error(&self, error: &ProviderError) -> Bytes {
        let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.api.format().error_body(status, &error.message);
        let (Some(code), Some(name)) = (error.code.as_deref(), self.api.code()) else {
            return body.into();
        };
        let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
        json["error"][name] = code.into();
        json.to_string().into()
    }

    /// Returns an error in the middle of the answer.
    pub(in crate::testing) fn in_band(&mut self, error: &ProviderError) -> Bytes {
        self.ended = true;
        let body = self.error(error);
        match serde_json::from_slice(&body) {
            Ok(json) if self.stream => self.event(&self.api.in_band(json)).into(),
            _ => body,
        }
    }

    /// Writes a chunk.
    pub(in crate::testing) fn chunk(&mut self, chunk: &ChatChunk) -> Bytes {
        self.answer.delta(chunk);
        let mut events = Vec::new();
        if self.stream && !self.ended {
            if !std::mem::replace(&mut self.begun, true) {
                events.extend(self.api.begin());
            }
            events.extend(self.api.piece(chunk));
        }
        let is_last = matches!(chunk, Delta::Done) && !std::mem::replace(&mut self.ended, true);
        let result = is_last.then(|| self.answer.clone().finish());
        match result {
            Some(result) if !self.stream => return self.api.whole(&result).to_string().into(),
            Some(result) => events.extend(self.api.end(&result)),
            None => {}
        }
        let mut written: String = events.iter().map(|event| self.event(event)).collect();
        if is_last {
            written += self.api.done();
        }
        written.into()
    }

    /// Ends the script. An answer without its end mark is cut.
    pub(in crate::testing) fn end(&mut self) -> Bytes {
        match self.stream || self.ended {
            true => Bytes::new(),
            false => "{".into(),
        }
    }

    fn event(&self, json: &Value) -> String {
        match json["type"].as_str() {
            _ if self.api.has_lines() => format!("{json}\n"),
            Some(name) => format!("event: {name}\ndata: {json}\n\n"),
            None => format!("data: {json}\n\n"),
        }
    }
}
