//! Prompts as they were sent: however the body arrives, a record has what the handler reads.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::executor::block_on;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use support::http::{Scripted, post};
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, Event, EventData, HttpCallbackLayer, Run, http_layer::RequestBody,
};

/// What is noted of a start event.
#[derive(Debug, Clone, Default)]
struct Seen {
    line: Vec<u8>,
    prompt: Value,
    model: Option<String>,
}

/// Writes the record before it reads the prompt, or after that.
#[derive(Clone, Default)]
struct Starts {
    reads_first: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl CallbackHandler for Starts {
    fn on_event(&self, run: &Run, event: &Event) {
        let EventData::LlmStart(start) = event.data() else { return };
        if self.reads_first {
            start.messages.get();
        }
        let mut line = Vec::new();
        event.record(run).write_json(&mut line).unwrap();
        let prompt = start.messages.get().cloned().unwrap();
        let model = start.model.as_deref().map(str::to_owned);
        self.seen.lock().unwrap().push(Seen { line, prompt, model });
    }
}

/// Sends a body in frames of a size. Returns what the handlers saw, and what the provider received.
async fn sent(path: &str, body: &Bytes, frame: usize) -> ([Seen; 2], Bytes) {
    let handlers = [false, true].map(|reads_first| Starts { reads_first, ..Starts::default() });
    let callbacks = handlers.iter().fold(Callbacks::new(), |set, it| set.inline(it.clone()));
    let echo = service_fn(|request: Request<RequestBody<Scripted>>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    let service = HttpCallbackLayer::new(callbacks).layer(echo);
    let frames = body.chunks(frame.max(1)).map(|chunk| body.slice_ref(chunk));
    let mut request = post(Scripted::chunks(frames));
    *request.uri_mut() = path.parse().unwrap();
    let answer = service.oneshot(request).await.unwrap();
    let received = answer.into_body().collect().await.unwrap().to_bytes();
    (handlers.map(|it| it.seen.lock().unwrap().pop().unwrap_or_default()), received)
}

const PATHS: [(&str, &str); 7] = [
    ("/v1/messages", "messages"),
    ("/v1/chat/completions", "messages"),
    ("/v1/completions", "prompt"),
    ("/v1/responses", "input"),
    ("/v1beta/models/m:generateContent", "contents"),
    ("/api/chat", "messages"),
    ("/api/generate", "prompt"),
];

/// Texts, with what has to be escaped, what a rule of redaction covers, and what is longer than a frame.
fn text() -> impl Strategy<Value = Value> {
    let special = select(vec![
        "",
        "\"quoted\" \\ \n\t\u{0}\u{1f}",
        "é€😀\u{2028}",
        "https://me:pw@host/?key=CANARY",
        "data:image/png;base64,CANARY",
        "redacted_thinking",
        "}]{[\",",
    ]);
    prop_oneof![
        special.prop_map(Value::from),
        (0..300_usize).prop_map(|length| "lorem \\ ipsum\n".repeat(length).into()),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    let name = select(vec![
        "content",
        "text",
        "parts",
        "input",
        "type",
        "image_url",
        "source",
        "data",
        "signature",
        "headers",
        "metadata",
        "user_id",
        "id",
        "images",
        "a\"b",
        "role",
    ]);
    let scalar = prop_oneof![
        4 => text(),
        1 => Just(json!(null)),
        1 => any::<i64>().prop_map(Value::from),
        1 => select(vec![json!(true), json!(1.5), json!(1e100), json!(u64::MAX)]),
    ];
    scalar.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..4).prop_map(|all| all
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

fn check(path: &str, body: &Bytes, frame: usize) {
    block_on(async {
        let ([first, second], received) = sent(path, body, frame).await;
        assert_eq!(received, body);
        for Seen { line, prompt, model } in [first.clone(), second] {
            let text = String::from_utf8(line).unwrap();
            assert!(!text.contains(['\n', '\r']), "{text}");
            let record: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(record["data"]["messages"], prompt);
            assert_eq!((&prompt, &model), (&first.prompt, &first.model));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_record_has_the_prompt_that_a_handler_reads(
        (path, member) in select(PATHS.to_vec()),
        prompt in prop_oneof![3 => vec(message(), 0..4).prop_map(Value::from), 1 => message()],
        system in prop::option::of(message()),
        frame in select(vec![1, 7, 64, 1000, 1 << 20]),
        pretty in any::<bool>(),
        first in any::<bool>(),
    ) {
        let mut body = format!("{{\"model\":\"m\",{}", if first { "" } else { "\"stream\":true," });
        let write = |value: &Value| match pretty {
            true => format!("{value:#}"),
            false => value.to_string(),
        };
        if let Some(system) = &system {
            for name in ["system", "instructions", "systemInstruction"] {
                body += &format!("\"{name}\":{},", write(system));
            }
        }
        body += &format!("\"{member}\" : {} ,\n\"temperature\":1}}", write(&prompt));
        check(path, &body.into(), frame);
    }
}

/// What serde does not accept is no prompt, and nothing of it is in the record.
#[test]
fn an_invalid_prompt_is_not_copied() {
    for messages in ["[1,]", r#"["\ud800"]"#, "[\"\u{1}\"]", "[[]", "nul", "[1e999]", "[}"] {
        for (path, member) in PATHS {
            let body = format!(r#"{{"model":"m","{member}":{messages},"temperature":1}}"#);
            check(path, &body.into(), 5);
        }
    }
}

/// A prompt is copied as it was sent: numbers too, of which a value would keep less.
#[test]
fn a_prompt_is_written_as_it_was_sent() {
    block_on(async {
        let messages =
            r#"[{"role":"user","content":[{"type":"text","text":"\u00e9","weight":1.10}]}]"#;
        let body = format!(r#"{{"messages":{messages},"model":"m"}}"#);
        let ([seen, _], _) = sent("/v1/chat/completions", &body.into(), 10).await;
        assert!(
            String::from_utf8(seen.line).unwrap().contains(&format!(r#""messages":{messages}"#))
        );
    });
}
