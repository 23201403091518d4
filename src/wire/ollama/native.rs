use serde_json::{Value, json};

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece},
};

/// Reads the thinking of an answer as the next request repeats it.
#[derive(Debug, Default)]
pub(super) struct OllamaNatives {
    /// Thinking was read, and nothing after it.
    thinks: bool,
}

impl NativeReader for OllamaNatives {
    fn concerns(&self, event: &str) -> bool {
        self.thinks || event.contains("\"thinking\"")
    }

    fn event(&mut self, line: &Value) -> Vec<Piece> {
        let message = &line["message"];
        let filled = |name: &str| message[name].as_str().is_some_and(|text| !text.is_empty());
        let thinks = filled("thinking");
        self.thinks |= thinks;
        let calls = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        let ends = filled("content") || calls || line["done"] == true;
        let native = (ends && std::mem::take(&mut self.thinks)).then(|| Delta::Native {
            choice: 0,
            api: "chat".into(),
            value: std::borrow::Cow::Owned(json!({"thinking": null})),
            covers: true,
            text_at: Some("/thinking".into()),
        });
        vec![Piece::content(thinks.into()).after(native)]
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        self.event(answer)
    }
}
