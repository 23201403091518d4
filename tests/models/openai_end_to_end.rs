//! Callbacks on OpenAI's APIs, end to end: over sockets, with the bundled client.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventData, EventKind, LlmResult, Registration,
    chat::{self, ChatRequest, ContentPart, Message, ModelError, Role, Tool},
    layer::CallbackService,
    model::{
        self, HttpClient,
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer, OpenAiModel},
    },
    testing::{Recorded, Recorder, assert_promises},
};

const APIS: [(OpenAiApi, &str); 2] =
    [(OpenAiApi::ChatCompletions, "chat_completions"), (OpenAiApi::Responses, "responses")];

const JOKE: &str = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? \
                    Because it's two-tire";

fn joke(model: &str) -> ChatRequest {
    ChatRequest::new(model).user("Tell me a joke")
}

/// A model with a recorder for each delivery.
struct ObservedModel {
    callbacks: Callbacks,
    recorders: Vec<Recorder>,
    model: CallbackService<OpenAiModel<HttpClient>>,
}

impl ObservedModel {
    async fn new(api: OpenAiApi) -> Self {
        Self::at(api, &(simulated::serve().await.unwrap() + "/v1"))
    }

    fn at(api: OpenAiApi, base_url: &str) -> Self {
        let recorders: Vec<Recorder> = (0..5).map(|_| Recorder::new()).collect();
        let callbacks = Callbacks::new()
            .inline(recorders[0].clone())
            .blocking(recorders[1].clone())
            .async_handler(recorders[2].clone())
            .add(Registration::async_handler(recorders[3].clone()).lockstep())
            .add(Registration::blocking(recorders[4].clone()).background());
        let model = ServiceBuilder::new()
            .layer(CallbackLayer::new(callbacks.clone()))
            .layer(OpenAiLayer::new(OpenAiConfig::new("sk-CANARY").base_url(base_url).api(api)))
            .service(model::client());
        Self { callbacks, recorders, model }
    }

    async fn ask(&mut self, request: ChatRequest) -> Result<LlmResult, BoxError> {
        chat::collect(self.model.ready().await?.call(request).await?).await
    }

    /// The events of the only call, for each recorder.
    async fn events(self) -> Vec<Vec<Recorded>> {
        let report = self.callbacks.flush(Duration::from_secs(20)).await;
        assert!(report.is_complete(), "{report:?}");
        let events: Vec<_> = self.recorders.iter().map(Recorder::events).collect();
        for (recorder, events) in self.recorders.iter().zip(&events) {
            assert_promises(events);
            assert_eq!(recorder.terminals().len(), 1);
            assert!(!format!("{events:?}").contains("CANARY"));
        }
        events
    }

    /// The terminal events of the only call, for each recorder.
    async fn terminals(self) -> Vec<Recorded> {
        let events = self.events().await.into_iter();
        events.map(|mut events| events.pop().expect("a call has a terminal")).collect()
    }
}

#[tokio::test]
async fn streamed_and_unstreamed_answers() {
    for (api, name) in APIS {
        for stream in [true, false] {
            let mut observed = ObservedModel::new(api).await;
            let request = joke("joker").stream(stream).provider("simulated").api(name);
            let read = observed.ask(request).await.unwrap();
            assert_eq!(read.text(), JOKE);
            assert_eq!((read.streamed, read.tokens), (stream, if stream { 24 } else { 0 }));
            let usage = read.usage.as_ref().unwrap();
            assert_eq!((usage.output_tokens, usage.input_tokens > Some(1)), (Some(24), true));

            for events in observed.events().await {
                let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
                assert_eq!((&*start.provider, &*start.api), ("simulated", name));
                assert_eq!((start.model.as_deref(), start.stream), (Some("joker"), stream));

                let tokens: String = events.iter().filter_map(Recorded::text).collect();
                assert_eq!(tokens, if stream { JOKE } else { "" });
                let end = events.last().unwrap();
                assert_eq!(end.kind(), EventKind::LlmEnd);
                let result = end.result().unwrap();
                assert_eq!((&result.choices, &result.usage), (&read.choices, &read.usage));
                assert_eq!((&result.model, &result.response_id), (&read.model, &read.response_id));
                assert_eq!(result.time_to_first_token.is_some(), stream);
            }
        }
    }
}

/// The provider calls the tool, and answers with its joke when it receives the result.
#[tokio::test]
async fn a_tool_is_called_and_its_result_returned() {
    for (api, _) in APIS {
        for stream in [true, false] {
            let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
            let first_request = joke("joker").stream(stream).tool(Tool::new("get_weather", schema));
            let mut observed = ObservedModel::new(api).await;
            let read = observed.ask(first_request.clone()).await.unwrap();
            let [call] = &read.choices[0].tool_calls[..] else { panic!("{read:?}") };
            assert_eq!((&*call.name, &*call.arguments), ("get_weather", "{\"city\":\"Paris\"}"));
            for terminal in observed.terminals().await {
                assert_eq!(terminal.result().unwrap().choices, read.choices);
            }

            let part = ContentPart::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone().into(),
            };
            let answered = first_request
                .message(Message::new(Role::Assistant, [ContentPart::text(read.text()), part]))
                .message(Message::tool_result(call.id.clone(), "Rain"));
            let read = ObservedModel::new(api).await.ask(answered).await.unwrap();
            assert_eq!((read.text(), read.choices[0].tool_calls.len()), (JOKE, 0));
        }
    }
}

#[tokio::test]
async fn the_token_limit_is_sent() {
    for (api, _) in APIS {
        let read = ObservedModel::new(api).await.ask(joke("joker").max_tokens(9)).await.unwrap();
        assert_eq!(read.tokens, 9);
        let reason = read.choices[0].finish_reason.as_deref();
        assert!(matches!(reason, Some("length" | "max_output_tokens")), "{reason:?}");
    }
}

#[tokio::test]
async fn an_error_answer() {
    for (api, _) in APIS {
        for stream in [true, false] {
            let mut observed = ObservedModel::new(api).await;
            let error = observed.ask(joke("error-429").stream(stream)).await.unwrap_err();
            let provider = error.downcast_ref::<ModelError>().unwrap().provider().unwrap();
            let code = Some("rate_limit_exceeded");
            assert_eq!((provider.status, provider.code.as_deref()), (Some(429), code));
            for terminal in observed.terminals().await {
                let error = terminal.error().unwrap();
                assert_eq!((error.kind(), error.status()), (ErrorKind::Provider, Some(429)));
                assert_eq!(error.provider_code(), code);
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_the_stream() {
    for (api, _) in APIS {
        let mut observed = ObservedModel::new(api).await;
        let error = observed.ask(joke("error-midstream")).await.unwrap_err();
        let provider = std::error::Error::source(&*error).unwrap().to_string();
        assert!(provider.contains("asked to fail"), "{provider}");
        for terminal in observed.terminals().await {
            let error = terminal.error().unwrap();
            assert_eq!((error.kind(), error.status()), (ErrorKind::Provider, None));
            assert_eq!(error.provider_code(), Some("server_error"));
            assert_eq!(error.result().unwrap().tokens, 12);
            assert!(JOKE.starts_with(error.result().unwrap().text()));
        }
    }
}

#[tokio::test]
async fn a_truncated_answer() {
    for (api, _) in APIS {
        let mut observed = ObservedModel::new(api).await;
        let error = observed.ask(joke("truncate")).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(ModelError::Truncated)), "{error}");
        for terminal in observed.terminals().await {
            let error = terminal.error().unwrap();
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert_eq!(error.result().unwrap().tokens, 12);
        }
    }
}

#[tokio::test]
async fn drop_midway_ends_cancelled() {
    for (api, _) in APIS {
        let mut observed = ObservedModel::new(api).await;
        let mut answer = observed.model.ready().await.unwrap().call(joke("slow")).await.unwrap();
        while answer.next().await.unwrap().unwrap().content() != Some("Here") {}
        drop(answer);
        for terminal in observed.terminals().await {
            let error = terminal.error().unwrap();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            assert_eq!(error.result().unwrap().text(), "Here");
        }
    }
}

#[tokio::test]
async fn a_wrong_path_and_a_refused_connection() {
    let url = simulated::serve().await.unwrap();
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    for (api, _) in APIS {
        // Without the `/v1` of the path.
        let mut observed = ObservedModel::at(api, &url);
        let error = observed.ask(joke("joker")).await.unwrap_err();
        assert!(error.to_string().contains("404 not_found_error"), "{error}");
        for terminal in observed.terminals().await {
            assert_eq!(terminal.error().unwrap().status(), Some(404));
        }

        let mut observed = ObservedModel::at(api, &free);
        let error = observed.ask(joke("joker")).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(ModelError::Transport(_))), "{error}");
        for terminal in observed.terminals().await {
            assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Transport);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls() {
    let url = simulated::serve().await.unwrap() + "/v1";
    for (api, _) in APIS {
        let ObservedModel { callbacks, recorders, model } = ObservedModel::at(api, &url);
        let calls = (0..50).map(|index| {
            let mut model = model.clone();
            tokio::spawn(async move {
                let request = joke(if index % 5 == 0 { "error-503" } else { "joker" });
                let answer = model.ready().await.unwrap().call(request).await?;
                Ok::<_, BoxError>(chat::collect(answer).await?.text().to_owned())
            })
        });
        for (index, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            match call.await.unwrap() {
                Ok(text) => assert_eq!((index % 5 != 0, text.as_str()), (true, JOKE)),
                Err(error) => assert_eq!(index % 5, 0, "{error}"),
            }
        }
        assert!(callbacks.flush(Duration::from_secs(20)).await.is_complete());
        // Handlers with awaited queues lose no tokens.
        for recorder in &recorders[..4] {
            assert_promises(&recorder.events());
            let terminals = recorder.terminals();
            assert_eq!(terminals.len(), 50);
            let failed = terminals.iter().filter(|terminal| terminal.error().is_some());
            assert_eq!(failed.count(), 10);
        }
    }
}
