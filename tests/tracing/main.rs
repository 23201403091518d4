//! Runs as `tracing` spans: log events inside a run belong to its span, wherever it runs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use http::StatusCode;
use serde_json::json;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Callbacks, Delta, InCurrentRun, ProviderError, Run, RunConfig, RunLayer,
    Usage,
    chat::{self, ChatRequest},
    emit,
    handlers::TracingSpans,
    on_llm_start,
    testing::{Script, ScriptedModel},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    info,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer as _,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// The spans and events that a subscriber received.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    spans: Vec<Span>,
    at: HashMap<u64, usize>,
    events: Vec<Logged>,
}

#[derive(Debug, Clone, Default)]
struct Span {
    name: String,
    parent: Option<usize>,
    fields: BTreeMap<String, String>,
    closed: bool,
}

#[derive(Debug, Clone)]
struct Logged {
    level: Level,
    message: String,
    fields: BTreeMap<String, String>,
    /// The names of the surrounding spans, outermost first.
    inside: Vec<String>,
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut state = self.0.lock().unwrap();
        let parent = context.span(id).and_then(|span| span.parent()).map(|span| span.id());
        let parent = parent.and_then(|parent| state.at.get(&parent.into_u64()).copied());
        let mut span =
            Span { name: attributes.metadata().name().to_owned(), parent, ..Span::default() };
        attributes.record(&mut Fields(&mut span.fields));
        let at = state.spans.len();
        state.at.insert(id.into_u64(), at);
        state.spans.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut state = self.0.lock().unwrap();
        let at = state.at[&id.into_u64()];
        values.record(&mut Fields(&mut state.spans[at].fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let scope = context.event_scope(event).into_iter().flatten();
        let mut inside: Vec<_> = scope.map(|span| span.name().to_owned()).collect();
        inside.reverse();
        let message = fields.remove("message").unwrap_or_default();
        let level = *event.metadata().level();
        self.0.lock().unwrap().events.push(Logged { level, message, fields, inside });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut state = self.0.lock().unwrap();
        let at = state.at[&id.into_u64()];
        state.spans[at].closed = true;
    }
}

impl Seen {
    /// Runs a test with a subscriber on this thread.
    fn during(test: impl Future<Output = ()>) -> Self {
        let seen = Self::default();
        let filtered =
            seen.clone().with_filter(tracing_subscriber::filter::filter_fn(|metadata| {
                metadata.target().starts_with("tower_llm_callbacks::run")
                    || metadata.target() == module_path!()
            }));
        let subscriber = tracing_subscriber::registry().with(filtered);
        tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(test);
        });
        seen
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    fn events(&self) -> Vec<Logged> {
        self.0.lock().unwrap().events.clone()
    }

    /// The spans around each event with this message.
    fn logged(&self, message: &str) -> Vec<Vec<String>> {
        let events = self.events().into_iter();
        events.filter(|event| event.message == message).map(|event| event.inside).collect()
    }
}

fn callbacks() -> Callbacks {
    Callbacks::new().inline(TracingSpans::new())
}

fn answer() -> Script {
    Script::new()
        .respond()
        .chunk(Delta::Response { id: None, model: Some("m-1-2026".into()) })
        .text("canary answer")
        .yields()
        .chunk(Delta::Usage { usage: Usage::new(7, 5), raw: None })
        .complete("stop")
}

fn request() -> ChatRequest {
    ChatRequest::new("claude-1").user("canary prompt")
}

#[test]
fn the_span_of_a_model_call_covers_the_whole_stream() {
    let seen = Seen::during(async {
        let model = ScriptedModel::new(answer());
        let inner = service_fn(move |request: ChatRequest| {
            info!("in call");
            let mut model = model.clone();
            async move {
                info!("in future");
                let stream = model.ready().await?.call(request).await?;
                Ok::<_, BoxError>(stream.inspect(|_| info!("in stream")))
            }
        });
        let layer = CallbackLayer::new(callbacks()).name("joker");
        let answer = layer.layer(inner).oneshot(request()).await.unwrap();
        info!("between");
        chat::collect(answer).await.unwrap();
        info!("after");
    });
    for message in ["in call", "in future", "start", "end"] {
        assert_eq!(seen.logged(message), [["llm"]], "{message}");
    }
    assert_eq!(seen.logged("in stream"), vec![["llm"]; 5]);
    for message in ["between", "after"] {
        assert_eq!(seen.logged(message), [[""; 0]]);
    }
    let spans = seen.spans();
    assert_eq!(spans.len(), 1);
    assert!(spans[0].closed);
    let field = |name: &str| spans[0].fields.get(name).map_or("", String::as_str).to_owned();
    for (name, value) in [
        ("otel.name", "chat claude-1"),
        ("otel.kind", "client"),
        ("name", "joker"),
        ("attempt", "1"),
        ("provider", "anthropic"),
        ("api", "messages"),
        ("model", "claude-1"),
        ("response_model", "m-1-2026"),
        ("finish_reason", "stop"),
        ("input_tokens", "7"),
        ("output_tokens", "5"),
        ("tokens", "1"),
    ] {
        assert_eq!(field(name), value, "{name}");
    }
    assert!(!field("duration_ms").is_empty() && !field("time_to_first_token_ms").is_empty());
    assert_eq!(field("run_id"), field("root_run_id"));
    assert_eq!(spans[0].fields.get("otel.status_code"), None);
    assert!(
        !format!("{spans:?}{:?}", seen.events()).contains("canary"),
        "spans and events have no content"
    );
}

#[test]
fn run_spans_nest_with_user_spans() {
    let seen = Seen::during(async {
        let layer = CallbackLayer::new(Callbacks::new());
        let config = RunConfig::new().callbacks(callbacks());
        let model = layer.layer(ScriptedModel::new(answer()));
        let chain = async {
            RunLayer::chain("agent")
                .run(async move {
                    let own = tracing::info_span!("own");
                    let asks = async move {
                        let answer = model.oneshot(request()).await?;
                        chat::collect(answer).await?;
                        Ok::<_, BoxError>(())
                    };
                    tracing::Instrument::instrument(asks, own).await?;
                    let tool = RunLayer::tool("look").run(async {
                        emit("seen", json!("canary"))?;
                        Ok::<_, BoxError>(())
                    });
                    tool.await
                })
                .await
        };
        config.scope(chain).await.unwrap();
    });
    let spans = seen.spans();
    let parent = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        span.parent.map(|parent| &*spans[parent].name)
    };
    assert_eq!((parent("chain"), parent("own")), (None, Some("chain")));
    assert_eq!((parent("llm"), parent("tool")), (Some("own"), Some("chain")));
    let tool = spans.iter().find(|span| span.name == "tool").unwrap();
    let chain = spans.iter().find(|span| span.name == "chain").unwrap();
    assert_eq!(tool.fields["otel.name"], "execute_tool look");
    assert_eq!(tool.fields["parent_run_id"], chain.fields["run_id"]);
    assert_eq!(seen.logged("custom event"), [["chain", "tool"]]);
    assert!(spans.iter().all(|span| span.closed));
    assert!(!format!("{spans:?}{:?}", seen.events()).contains("canary"));
}

#[test]
fn spans_follow_into_tasks_and_interleaved_runs_do_not_mix() {
    let seen = Seen::during(async {
        let work = |name: &'static str| {
            RunLayer::tool(name).callbacks(callbacks()).run(async move {
                let inside = async {
                    for _ in 0..3 {
                        info!("task");
                        tokio::task::yield_now().await;
                    }
                };
                let outside = async { info!("spawned") };
                tokio::spawn(outside).await?;
                tokio::spawn(inside.in_current_run()).await?;
                let work = (|| info!("thread")).in_current_run();
                work.call();
                for _ in 0..3 {
                    assert_eq!(Run::current().unwrap().name(), name);
                    info!("turn");
                    tokio::task::yield_now().await;
                }
                Ok::<_, BoxError>(())
            })
        };
        let (a, b) = futures::join!(work("a"), work("b"));
        a.and(b).unwrap();
    });
    assert_eq!(seen.logged("task"), vec![["tool"]; 6]);
    assert_eq!(seen.logged("turn"), vec![["tool"]; 6]);
    // `call` enters the run's span inside the current one, which is the same span.
    assert_eq!(seen.logged("thread").len(), 2);
    assert!(seen.logged("thread").iter().all(|inside| inside.last().unwrap() == "tool"));
    assert_eq!(seen.logged("spawned"), vec![[""; 0]; 2]);
}

#[test]
fn every_error_kind_is_recorded_without_its_message() {
    let seen = Seen::during(async {
        let model = |script| CallbackLayer::new(callbacks()).layer(ScriptedModel::new(script));
        let provider = ProviderError::new("canary").code("overloaded_error").status(529);
        for script in [
            Script::new().respond().provider_error(provider),
            Script::new().respond().fail("canary"),
            Script::new().respond().text("a"),
        ] {
            let answer = model(script).oneshot(request()).await.unwrap();
            let _ = chat::collect(answer).await;
        }
        drop(model(answer()).oneshot(request()).await.unwrap());
        let aborts = on_llm_start(|run, _| {
            run.abort(Abort::new("canary").status(StatusCode::TOO_MANY_REQUESTS));
        });
        let layer = CallbackLayer::new(callbacks().inline(aborts));
        let _ = layer.layer(ScriptedModel::new(answer())).oneshot(request()).await;
    });
    let spans = seen.spans();
    let kinds: Vec<_> = spans.iter().map(|span| &*span.fields["error.kind"]).collect();
    assert_eq!(kinds, ["provider", "transport", "truncated", "cancelled", "aborted"]);
    assert!(spans.iter().all(|span| span.fields["otel.status_code"] == "ERROR" && span.closed));
    let errors: Vec<_> =
        seen.events().into_iter().filter(|event| event.level == Level::WARN).collect();
    let statuses: Vec<_> = errors.iter().map(|event| event.fields.get("status").cloned()).collect();
    assert_eq!(statuses[0].as_deref(), Some("529"));
    assert_eq!(statuses[4].as_deref(), Some("429"));
    assert!(!format!("{spans:?}{:?}", seen.events()).contains("canary"));
}

/// A run has one span, even with several `TracingSpans`.
#[test]
fn several_instances_create_one_span() {
    let seen = Seen::during(async {
        let twice = callbacks().inline(TracingSpans::new());
        assert_eq!(twice.len(), 1);
        let items =
            service_fn(|(): ()| async { Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(1)])) });
        let layer = RunLayer::retriever("search").callbacks(&twice).streaming();
        drop(layer.layer(items).oneshot(()).await.unwrap());
    });
    let spans = seen.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!((&*spans[0].name, &*spans[0].fields["error.kind"]), ("retriever", "cancelled"));
}

/// A child that starts after its parent's end is inside the parent's span, and clean-up is logged in its own run's span.
#[test]
fn spans_outlive_the_end_of_their_run() {
    struct Cleans;
    impl Drop for Cleans {
        fn drop(&mut self) {
            info!("clean-up");
        }
    }
    let seen = Seen::during(async {
        let config = RunConfig::new().callbacks(callbacks());
        let later = config.scope(async {
            let chain = RunLayer::chain("agent").run(async {
                let cleans = Cleans;
                let later = async move {
                    let model =
                        CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(answer()));
                    chat::collect(model.oneshot(request()).await.unwrap()).await.unwrap();
                };
                let kept = async move { drop(cleans) }.in_current_run();
                Ok::<_, BoxError>((later.in_current_run(), kept))
            });
            chain.await.unwrap()
        });
        let (later, kept) = later.await;
        later.await;
        RunLayer::tool("elsewhere")
            .callbacks(callbacks())
            .run(async move {
                drop(kept);
                Ok::<_, BoxError>(())
            })
            .await
            .unwrap();
    });
    let spans = seen.spans();
    let llm = spans.iter().find(|span| span.name == "llm").unwrap();
    assert_eq!(spans[llm.parent.expect("a parent")].name, "chain");
    let inside = seen.logged("clean-up");
    assert_eq!(inside.len(), 1);
    assert_eq!(inside[0].last().unwrap(), "chain");
}
