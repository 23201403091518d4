//! Records of start events.

use futures::stream;
use serde_json::json;
use support::on_each_runtime;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Delta, LlmStart,
    chat::{ChatRequest, Message, Tool},
    testing::Script,
};

use super::{Records, records};

#[test]
fn record_of_llm_start() {
    on_each_runtime(|| async {
        let request = ChatRequest::new("claude-3-haiku-20240307")
            .system("Be brief.")
            .user("Hello")
            .message(Message::tool_result("toolu_1", "Rain"))
            .tool(Tool::new("get_time", json!({"type": "object"})))
            .max_tokens(25)
            .temperature(0.5)
            .stop(["END"])
            .stream(false);
        let records = records(Script::answer(["Hi"]), request).await;
        assert_eq!(
            records[0]["data"],
            json!({
                "provider": "anthropic", "api": "messages", "model": "claude-3-haiku-20240307",
                "stream": false,
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hello"},
                    {"role": "tool", "content": [{"type": "tool_result", "tool_call_id": "toolu_1",
                                                  "content": "Rain", "is_error": false}]},
                ],
                "params": {
                    "max_tokens": 25, "temperature": 0.5, "stop": ["END"],
                    "tools": [{"name": "get_time", "parameters": {"type": "object"}}],
                },
            })
        );
    });
}

/// A prompt that is not captured, and an unknown model.
#[test]
fn record_of_llm_start_without_content() {
    on_each_runtime(|| async {
        let records = Records::default();
        let layer = records.layer().extract(
            |_: &u8| LlmStart::new("acme", "complete"),
            |_: &u8, _: &mut dyn FnMut(Delta<'_>)| {},
        );
        let empty = service_fn(|_: u8| async {
            Ok::<_, BoxError>(stream::empty::<Result<u8, BoxError>>())
        });
        drop(layer.layer(empty).call(1));
        assert_eq!(
            records.take()[0]["data"],
            json!({"provider": "acme", "api": "complete", "model": null, "stream": true,
               "messages": null, "params": {}})
        );
    });
}
