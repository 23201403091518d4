//! The events of each run type: a start and an end, under the run's name.

use serde_json::json;
use support::{MODES, Recorders, everywhere, on_each_runtime};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Callbacks, EventKind, EventMask, Run, RunInput, RunLayer, RunType, ToolCall,
    testing::{Recorder, assert_promises},
};

#[test]
fn each_run_type_has_its_events() {
    everywhere(|recorders| async move {
        for (layer, run_type, kinds) in [
            (
                RunLayer::chain("a"),
                RunType::Chain,
                [
                    EventKind::RunStart(RunType::Chain),
                    EventKind::RunEnd(RunType::Chain),
                    EventKind::RunError(RunType::Chain),
                ],
            ),
            (
                RunLayer::tool("b"),
                RunType::Tool,
                [
                    EventKind::RunStart(RunType::Tool),
                    EventKind::RunEnd(RunType::Tool),
                    EventKind::RunError(RunType::Tool),
                ],
            ),
            (
                RunLayer::retriever("c"),
                RunType::Retriever,
                [
                    EventKind::RunStart(RunType::Retriever),
                    EventKind::RunEnd(RunType::Retriever),
                    EventKind::RunError(RunType::Retriever),
                ],
            ),
        ] {
            let recorders =
                Recorders::new(&recorders.each.iter().map(|(mode, _)| *mode).collect::<Vec<_>>());
            let inner = service_fn(|ok: bool| async move {
                if ok { Ok("done") } else { Err(BoxError::from("failed")) }
            });
            let mut service = layer.callbacks(&recorders.callbacks).layer(inner);
            assert_eq!(service.ready().await.unwrap().call(true).await.unwrap(), "done");
            assert!(service.ready().await.unwrap().call(false).await.is_err());
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            for (_, recorder) in &recorders.each {
                let events = recorder.events();
                assert_promises(&events);
                for end in [kinds[1], kinds[2]] {
                    let ended = events.iter().find(|event| event.kind() == end).unwrap();
                    let run = recorder.run(ended.run_id);
                    let run: Vec<_> = run.iter().map(|event| event.kind()).collect();
                    assert_eq!(run, [kinds[0], end]);
                }
                assert_eq!(events.len(), 4);
                assert!(events.iter().all(|event| event.run_type == run_type));
                assert!(events.iter().all(|event| event.name == events[0].name));
            }
        }
    });
}

#[tokio::test]
async fn a_future_is_a_run_too() {
    for mode in MODES {
        let recorders = Recorders::new(&[mode]);
        let report = super::chain(&recorders)
            .input(|_: &()| json!("nothing"))
            .output(|name: &String| name.clone())
            .run(async { Ok::<_, BoxError>(Run::current().unwrap().name().to_owned()) });
        assert_eq!(report.await.unwrap(), "chain");
        let end = super::ended(&recorders, None).await;
        assert_eq!(end.kind(), EventKind::RunEnd(RunType::Chain));
        assert_eq!(recorders.each[0].1.kinds()[0].as_str(), "chain_start");
    }
}

/// The run starts when the future is made, and ends cancelled if the future is never polled.
#[test]
fn a_future_never_polled_ends_cancelled() {
    everywhere(|recorders| async move {
        let never = super::chain(&recorders).run(async { Ok::<_, BoxError>(()) });
        drop(never);
        super::ended(&recorders, Some(tower_llm_callbacks::ErrorKind::Cancelled)).await;
    });
}

#[tokio::test]
async fn each_event_of_a_tool_carries_its_call_id() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let tool = service_fn(|call: ToolCall| async move {
        if call.arguments == "bad" { Err(BoxError::from("no JSON")) } else { Ok("sunny") }
    });
    let mut tool = RunLayer::tool("get_weather")
        .callbacks(&callbacks)
        .input(|call: &ToolCall| RunInput::from(call))
        .output(|answer: &&str| *answer)
        .layer(tool);
    for (id, arguments) in [("call_1", r#"{"city":"Paris"}"#), ("", "bad")] {
        let call = ToolCall::new(id, "get_weather", arguments);
        let _ = tool.ready().await.unwrap().call(call).await;
    }
    let data: Vec<_> = recorder.events().iter().map(|event| data(&event.data)).collect();
    assert_eq!(data[0], json!({"input": {"city": "Paris"}, "tool_call_id": "call_1"}));
    assert_eq!(data[1]["output"], "sunny");
    assert_eq!(data[1]["tool_call_id"], "call_1");
    assert!(data[1]["duration_ms"].is_f64());
    // Arguments that are not JSON are captured as text. The id is absent if none is set.
    assert_eq!(data[2], json!({"input": "bad"}));
    assert_eq!(data[3]["error"]["message"], "no JSON");
    assert_eq!(data[3].get("tool_call_id"), None);
}

/// The end carries the id even if the handler does not receive the start.
#[tokio::test]
async fn an_end_carries_the_call_id_without_its_start() {
    let recorder = Recorder::new();
    let ends = tower_llm_callbacks::Registration::inline(recorder.clone())
        .event_mask(EventMask::TOOL - EventMask::of(EventKind::RunStart(RunType::Tool)));
    let tool = service_fn(|_: ToolCall| async { Ok::<_, BoxError>(()) });
    let mut tool = RunLayer::tool("t")
        .callbacks(Callbacks::new().add(ends))
        .input(|call: &ToolCall| RunInput::from(call))
        .layer(tool);
    tool.ready().await.unwrap().call(ToolCall::new("call_1", "t", "{}")).await.unwrap();
    assert_eq!(recorder.kinds(), [EventKind::RunEnd(RunType::Tool)]);
    assert_eq!(data(&recorder.events()[0].data)["tool_call_id"], "call_1");
}

/// Without handlers no run is made: a child's parent is the nearest run.
#[test]
fn without_handlers_no_run_is_made() {
    on_each_runtime(|| async {
        let ask = service_fn(|(): ()| async {
            Ok::<_, BoxError>(Run::current().map(|run| run.name().to_owned()))
        });
        let mut bare = RunLayer::chain("bare").tags(["tag"]).layer(ask);
        assert_eq!(bare.ready().await.unwrap().call(()).await.unwrap(), None);

        let recorders = Recorders::new(&MODES);
        let outer = super::chain(&recorders).run(async { bare.ready().await?.call(()).await });
        assert_eq!(outer.await.unwrap().as_deref(), Some("chain"));
    });
}

fn data(data: &tower_llm_callbacks::EventData) -> serde_json::Value {
    use tower_llm_callbacks::EventData;
    match data {
        EventData::RunStart(RunType::Tool, input) => json!(input),
        EventData::RunEnd(RunType::Tool, output) => json!(output),
        EventData::RunError(RunType::Tool, error) => json!({
            "error": {"message": error.message()},
            "tool_call_id": error.tool_call_id(),
        })
        .as_object()
        .map(|map| map.clone().into_iter().filter(|(_, value)| !value.is_null()).collect())
        .unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}
