//! D: the content of the answer.

use std::sync::{Arc, Mutex};

use futures::{StreamExt, stream};
use serde_json::json;
use support::{Recorders, call, everywhere, in_each_mode, read};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, ErrorKind, EventData, EventKind, EventMask, LlmResult,
    ProviderError, RunInput, Token, TokenKind, Usage,
    chat::{ChatChunk, ChatRequest},
    testing::{Recorder, Script, ScriptedModel},
};

use super::{boxed, prompt, settled};

/// A replayed cached answer is tokens for handlers that ask for them. One returned whole is an end for all.
#[test]
fn case_37_a_cached_answer_is_replayed_or_whole() {
    in_each_mode(|mode| async move {
        let replays = |request: ChatRequest| async move {
            let whole = (!request.stream).then_some(Delta::NotStreamed);
            let cached = [Delta::text("a"), Delta::text("b"), Delta::finish("stop"), Delta::Done];
            let chunks: Vec<_> = whole.into_iter().chain(cached).map(Ok::<_, BoxError>).collect();
            Ok::<_, BoxError>(stream::iter(chunks))
        };
        let ends = Recorder::new();
        let few = EventMask::LLM - EventMask::LLM_NEW_TOKEN;
        let recorders = Recorders::new(&[mode]).with(mode.handler(ends.clone()).event_mask(few));
        let model = boxed(recorders.layer().layer(service_fn(replays)));
        for stream in [true, false] {
            let request = prompt("Hi").stream(stream);
            assert!(read(model.clone().oneshot(request).await.unwrap()).await.1.is_none());
            settled(&recorders.callbacks).await;
        }
        use EventKind::{LlmEnd, LlmNewToken, LlmStart};
        let all = &recorders.each[0].1;
        let expected = [LlmStart, LlmNewToken, LlmNewToken, LlmEnd, LlmStart, LlmEnd];
        assert_eq!(all.kinds(), expected);
        assert_eq!(ends.kinds(), [LlmStart, LlmEnd, LlmStart, LlmEnd]);
        for recorder in [all, &ends] {
            let results = recorder.terminals();
            let texts: Vec<_> = results.iter().map(|end| end.result().unwrap().text()).collect();
            assert_eq!(texts, ["ab", "ab"]);
        }
    });
}

fn fragment(index: u32, opens: bool, arguments: &'static str) -> ChatChunk {
    let word = |word: &str| opens.then(|| format!("{word}{index}").into());
    Delta::ToolCall {
        choice: 0,
        index,
        id: word("t"),
        name: word("tool"),
        arguments: arguments.into(),
    }
}

/// Text and reasoning stay apart, tool calls are joined by index, and malformed arguments stay unchanged.
#[test]
fn case_38_blocks_do_not_bleed_into_each_other() {
    let thinks = |text: &'static str| Delta::Reasoning { choice: 0, text: text.into() };
    let chunks = [
        thinks("Let"),
        Delta::text("An"),
        fragment(1, true, "{\"b\":"),
        thinks(" me"),
        fragment(0, true, "{\"a\""),
        fragment(1, false, "2}"),
        Delta::text("swer"),
        fragment(0, false, ":1}"),
        fragment(2, true, "{\"c\": oops"),
    ];
    let script = chunks.into_iter().fold(Script::new().respond(), Script::chunk);
    let script = script.complete("tool_use");
    everywhere(move |recorders| {
        let (_, mut model) = recorders.model(script.clone());
        async move {
            assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
            let end = recorders.ended(None).await;
            let choice = &end.result().unwrap().choices[0];
            assert_eq!((&*choice.text, &*choice.reasoning), ("Answer", "Let me"));
            let expected = [("t0", "{\"a\":1}"), ("t1", "{\"b\":2}"), ("t2", "{\"c\": oops")];
            let calls = choice.tool_calls.iter().map(|call| (&*call.id, &*call.arguments));
            assert_eq!(calls.collect::<Vec<_>>(), expected);
            assert_eq!(choice.finish_reason.as_deref(), Some("tool_use"));
            // A tool receives the arguments as JSON, or as text if they are not JSON.
            let inputs = choice.tool_calls.iter().map(|call| RunInput::from(call).input);
            let expected = [json!({"a": 1}), json!({"b": 2}), json!("{\"c\": oops")];
            assert!(inputs.eq(expected.map(Some)));
            for (mode, recorder) in &recorders.each {
                let of = |kind| -> String {
                    let token = |data: &EventData| match data {
                        EventData::LlmNewToken(token) if token.kind() == kind => {
                            Some(token.text().to_owned())
                        }
                        _ => None,
                    };
                    recorder.events().iter().filter_map(|event| token(&event.data)).collect()
                };
                assert_eq!(of(TokenKind::Text), "Answer", "{mode:?}");
                assert_eq!(of(TokenKind::Reasoning), "Let me", "{mode:?}");
            }
        }
    });
}

/// Data that a handler keeps stays unchanged, and changes that it makes to it are invisible to others.
#[test]
fn case_39_data_that_handlers_keep_is_their_own() {
    in_each_mode(|mode| async move {
        let tokens: Arc<Mutex<Vec<Token>>> = Arc::default();
        let changed: Arc<Mutex<Vec<LlmResult>>> = Arc::default();
        let (keeps, changes) = (Arc::clone(&tokens), Arc::clone(&changed));
        let meddles = mode.closure(move |_, event| match event.data() {
            EventData::LlmNewToken(token) => keeps.lock().unwrap().push(token.clone()),
            EventData::LlmEnd(result) => {
                let mut result = Arc::clone(result);
                let own = Arc::make_mut(&mut result);
                own.choices[0].tool_calls[0].arguments.push_str("spoilt");
                changes.lock().unwrap().push(own.clone());
            }
            _ => {}
        });
        let last = Recorder::new();
        let callbacks = Callbacks::new().add(meddles).add(mode.handler(last.clone()));
        let chunks = [fragment(0, true, "{\"a\":"), Delta::text("x"), fragment(0, false, "1}")];
        let script = chunks.iter().cloned().fold(Script::new().respond(), Script::chunk);
        let inner = ScriptedModel::new(script.complete("stop"));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(got[..3], chunks);
        settled(&callbacks).await;
        let tokens = tokens.lock().unwrap();
        let texts: Vec<_> = tokens.iter().map(Token::text).collect();
        assert_eq!(texts, ["{\"a\":", "x", "1}"]);
        assert_eq!(
            changed.lock().unwrap()[0].choices[0].tool_calls[0].arguments,
            "{\"a\":1}spoilt"
        );
        let end = last.terminals().remove(0);
        assert_eq!(end.result().unwrap().choices[0].tool_calls[0].arguments, "{\"a\":1}");
    });
}

/// The end reports cached and reasoning tokens, and the provider's own counts.
#[test]
fn case_40_details_of_usage_reach_the_end() {
    let usage = Usage::new(100, 20).cached(60, 30).reasoning(15);
    let raw = json!({"cache": {"read": 60, "write": 30}, "thought": 15});
    let first = Delta::Usage { usage: Usage::new(100, 0), raw: None };
    let last = Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw.clone())) };
    let script = Script::new().respond().chunk(first).text("a").chunk(last).complete("stop");
    everywhere(move |recorders| {
        let (raw, (_, mut model)) = (raw.clone(), recorders.model(script.clone()));
        async move {
            assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
            let end = recorders.ended(None).await;
            let EventData::LlmEnd(result) = &end.data else { panic!("{end:?}") };
            let counts = result.usage.clone().unwrap();
            assert_eq!(counts, Usage::new(100, 20).cached(60, 30).reasoning(15));
            assert_eq!(result.usage_raw, Some(raw));
        }
    });
}

/// The metadata of a provider error reaches the event, before the stream and in it, as an item or as a chunk.
#[test]
fn case_41_metadata_of_errors_reaches_the_event() {
    let error = || ProviderError::new("come back later").code("overloaded").request_id("req_1");
    let begun = || Script::new().respond().text("a");
    let cases = [
        ("", Script::new().provider_error(error().status(529)).respond(), Some(529)),
        ("a", begun().provider_error(error().status(529)), Some(529)),
        ("a", begun().chunk(Delta::Error(error())), None),
    ];
    for (text, script, status) in cases {
        everywhere(move |recorders| {
            let (_, mut model) = recorders.model(script.clone());
            async move {
                if let Ok(mut stream) = call(&mut model).await {
                    while stream.next().await.is_some() {}
                }
                let end = recorders.ended(Some(ErrorKind::Provider)).await;
                let error = end.error().unwrap();
                assert_eq!((error.message(), error.status()), ("come back later", status));
                assert_eq!(error.provider_code(), Some("overloaded"));
                assert_eq!(error.request_id(), Some("req_1"));
                assert_eq!(error.result().unwrap().text(), text);
                assert_eq!(json!(error)["error"]["request_id"], "req_1");
            }
        });
    }
}
