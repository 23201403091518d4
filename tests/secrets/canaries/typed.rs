//! Typed calls in the runs of an agent, with a tool and a retriever.

use futures::future::join_all;
use serde_json::json;
use support::{Mode, PATIENCE, read};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ContentCapture, Delta, HandlerExt, ProviderError, Registration,
    RunConfig, RunLayer,
    chat::{ChatChunk, ChatRequest, Tool},
    handler::PersonalData,
    handlers::OtelContent,
    testing::{Script, ScriptedModel},
};

use super::{assert_nothing_logged, events, source::Source, watch::Watch};

/// The runs of an agent, made before, so that they are the same however the runs are scheduled.
struct Plan {
    script: Script,
    request: ChatRequest,
    texts: [String; 6],
    fails: bool,
}

impl Plan {
    fn new(source: &mut Source, canaries: usize) -> Self {
        let mut queues: Vec<(usize, Vec<String>)> = (0..Source::PLACES)
            .map(|place| (place, source.pieces(place, canaries).into_iter().rev().collect()))
            .collect();
        let mut script = Script::new().respond();
        script = script.chunk(Delta::tool_call(0, "call_1", "send", r#"{"of":""#));
        while !queues.is_empty() {
            let at = source.below(queues.len());
            let (place, pieces) = &mut queues[at];
            let Some(piece) = pieces.pop() else {
                queues.swap_remove(at);
                continue;
            };
            let chunk = match place {
                0 | 1 => ChatChunk::from(Delta::Text { choice: *place as u32, text: piece.into() }),
                2 => Delta::reasoning(piece),
                3 => Delta::refusal(piece),
                _ => {
                    let mut piece = source.escaped_again(&piece);
                    let mut at = source.below(piece.len() + 1);
                    while !piece.is_char_boundary(at) {
                        at -= 1;
                    }
                    let tail = piece.split_off(at);
                    script = script.chunk(Delta::tool_arguments(0, piece));
                    Delta::tool_arguments(0, tail)
                }
            };
            script = script.chunk(chunk);
        }
        let part = json!({"type": "web_search_tool_result", "content": source.text()});
        script =
            script.chunk(Delta::tool_arguments(0, r#""}"#)).chunk(Delta::native("messages", part));
        let text = source.text();
        let script = match source.below(4) {
            0 => script.provider_error(ProviderError::new(text).code("bad").status(500)),
            1 => script.fail(text),
            _ => script.complete("stop"),
        };
        let schema = json!({"type": "object", "description": source.text()});
        let request = ChatRequest::new("m")
            .system(source.text())
            .user(source.text())
            .tool(Tool::new("send", schema))
            .param("metadata", json!({"user_id": source.text(), "email": source.text()}))
            .param("user", source.text())
            .param("prediction", json!({"type": "content", "content": source.text()}));
        let texts = std::array::from_fn(|_| source.text());
        Self { script, request, texts, fails: source.below(4) == 0 }
    }

    async fn run(self, callbacks: &Callbacks) {
        let Self { script, request, texts, fails } = self;
        let [input, output, arguments, result, query, custom] = texts;
        let below = async move {
            let mut model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(script));
            read(model.ready().await?.call(request).await?).await;
            let tool = RunLayer::tool("send").input(move |(): &()| json!({"to": arguments}));
            let done = async {
                tower_llm_callbacks::emit("note", json!({"of": custom}))?;
                if fails { Err(BoxError::from(result)) } else { Ok(result) }
            };
            let _ = tool.output(|result: &String| json!(result)).run(done).await;
            let retriever = RunLayer::retriever("documents").input(move |(): &()| json!(query));
            let found = async move { Ok::<_, BoxError>(vec![output]) };
            retriever.output(|all: &Vec<String>| json!(all)).run(found).await
        };
        let agent = RunLayer::chain("agent").input(move |(): &()| json!(input));
        let agent = agent.output(|all: &Vec<String>| json!(all));
        let config = RunConfig::new().callbacks(callbacks);
        let run = config.sync_scope(|| agent.run(below));
        run.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_leaves_neither_masks_nor_content_that_is_off() {
    support::log::start();
    let (mut source, mut seen) = (Source::new(), 0);
    let share = events(8).div_ceil(Mode::ALL.len() as u64);
    for mode in Mode::ALL {
        let all = Watch::new("a handler");
        let watch = |what: &str| Watch::new(&format!("{mode:?}, {what}"));
        let clean = ["masked", "off", "few places", "spans masked", "spans off"].map(watch);
        let [masked, off, small, spans_masked, spans_off] = &clean;
        let small = Registration::blocking(small.clone().mask(PersonalData::new()));
        let spans_masked = spans_masked.spans(OtelContent::Span).mask(PersonalData::new());
        let callbacks = Callbacks::new()
            .inline(all.clone())
            .add(mode.handler(masked.clone().mask(PersonalData::new())))
            .add(mode.handler(off.clone().content(ContentCapture::Off)))
            // A queue that drops tokens.
            .add(small.background().capacity(3))
            .inline(spans_masked)
            .inline(spans_off.spans(OtelContent::Off));
        while all.events() < share {
            let some: Vec<_> = (0..8).map(|nth| Plan::new(&mut source, 12 + nth)).collect();
            join_all(some.into_iter().map(|plan| plan.run(&callbacks))).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
        }
        all.assert_found();
        clean.iter().for_each(Watch::assert_clean);
        assert_eq!(callbacks.stats().iter().map(|of| of.faults).sum::<u64>(), 0);
        seen += all.events();
    }
    source.assert_all_cut();
    println!("{seen} events");
    assert!(seen >= events(8), "{seen}");
    assert_nothing_logged();
}
