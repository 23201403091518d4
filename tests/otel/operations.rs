//! Operations that are no inference: embeddings, tools, agents, fetches of stored answers.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Upstream, json as answer};
use support::otel::{Otel, With};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Delta, HttpCallbackLayer, LlmStart, RunConfig, RunLayer, Usage,
    handlers::{OtelMetrics, SemanticConventions},
    layer::ModelLayer,
};

const ALL: [SemanticConventions; 3] =
    [SemanticConventions::V1_41, SemanticConventions::PythonUtil, SemanticConventions::Latest];

async fn embed(otel: &Otel, fails: bool) {
    let client = service_fn(move |_: String| async move {
        if fails { Err(BoxError::from("reset")) } else { Ok(7_u64) }
    });
    let described = |_: &String| LlmStart::new("acme", "embed").model("acme-1").stream(false);
    let facts = |tokens: &u64, each: &mut dyn FnMut(Delta<'_>)| {
        each(Delta::Outputs { count: 1, dimensions: None });
        each(Delta::usage(Usage::new(*tokens, None)));
    };
    let layer = ModelLayer::embedding(otel.callbacks()).extract(described, facts);
    let _ = layer.layer(client).oneshot("one".to_owned()).await;
}

#[tokio::test]
async fn embeddings_have_metrics_of_their_own_in_the_latest_names() {
    for conventions in ALL {
        let otel = Otel::with(With { conventions, ..With::default() });
        embed(&otel, false).await;
        embed(&otel, true).await;
        let measured = otel.measured();
        let names: Vec<_> = measured.keys().map(String::as_str).collect();
        let is_latest = conventions == SemanticConventions::Latest;
        let expected = match is_latest {
            true => [
                "gen_ai.client.embeddings.duration",
                "gen_ai.client.embeddings.operation.input_tokens",
            ],
            false => ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"],
        };
        assert_eq!(names, expected, "{conventions:?}");
        let duration = &measured[expected[0]];
        let errors: Vec<_> =
            duration.points.iter().map(|it| it.attributes.get("error.type")).collect();
        assert!(
            errors.contains(&None) && errors.contains(&Some(&json!("transport"))),
            "{errors:?}"
        );
        for point in &duration.points {
            assert_eq!(point.attributes["gen_ai.operation.name"], "embeddings");
            assert_eq!(point.attributes["gen_ai.request.model"], "acme-1");
        }
        let input = &measured[expected[1]];
        assert_eq!((input.points[0].sum, input.unit.as_str()), (7.0, "{token}"));
    }
}

/// An agent in a workflow, with a chain of its own and two tools.
async fn agent(otel: &Otel) {
    let below = || async {
        let tool = |name: &str, fails: bool| {
            let tool = RunLayer::tool(name).metadata("gen_ai.tool.type", "function");
            async move { tool.run(async { if fails { Err("no") } else { Ok(()) } }).await }
        };
        let _ = tool("weather", false).await;
        let _ = tool("send", true).await;
        Ok::<_, BoxError>(())
    };
    let step = || async move { RunLayer::chain("step").run(below()).await };
    let agent = RunLayer::chain("agent").metadata("gen_ai.agent.name", "Forecaster");
    let workflow = async { agent.run(async { step().await }).await };
    let config = RunConfig::new().callbacks(otel.callbacks()).metadata("tenant", "acme");
    let run = config.sync_scope(|| RunLayer::chain("workflow").run(workflow));
    run.await.unwrap();
}

#[tokio::test]
async fn tools_and_agents_have_durations() {
    for conventions in ALL {
        let otel = Otel::with(With { conventions, ..With::default() });
        agent(&otel).await;
        assert_eq!(otel.metrics.open_runs(), 0);
        let measured = otel.measured();
        let tools = measured.get("gen_ai.execute_tool.duration");
        assert_eq!(tools.is_some(), conventions != SemanticConventions::V1_41);
        let agents = measured.get("gen_ai.invoke_agent.duration");
        assert_eq!(agents.is_some(), conventions == SemanticConventions::Latest);
        if let Some(tools) = tools {
            let mut points: Vec<Value> =
                tools.points.iter().map(|it| it.attributes.clone()).collect();
            points.sort_by_key(|point| point["gen_ai.tool.name"].to_string());
            let expected = |name: &str| {
                json!({
                    "gen_ai.tool.name": name, "gen_ai.tool.type": "function",
                    "gen_ai.agent.name": "Forecaster",
                })
            };
            let mut send = expected("send");
            send["error.type"] = "failed".into();
            assert_eq!(points, [send, expected("weather")]);
            assert_eq!((tools.unit.as_str(), tools.bounds.len()), ("s", 14));
        }
        if let Some(agents) = agents {
            let point = agents.point();
            assert_eq!(point.attributes, json!({"gen_ai.agent.name": "Forecaster"}));
            assert_eq!((point.count, agents.bounds[0]), (1, 0.1));
        }
        let spans = otel.ended();
        let tool = spans.iter().find(|span| span.name == "execute_tool weather").unwrap();
        assert_eq!(tool.attributes["gen_ai.tool.type"], "function");
        // The metric has the duration of the span.
        if let Some(agents) = agents {
            let span = spans.iter().find(|span| span.name == "invoke_agent Forecaster").unwrap();
            let lasted = span.end.duration_since(span.start).unwrap().as_secs_f64();
            assert!(agents.point().sum <= lasted + 1e-6, "{} {lasted}", agents.point().sum);
        }
    }
}

/// Names of tools are those of the application, but a model may choose any.
#[tokio::test]
async fn names_of_tools_are_bounded() {
    let conventions = SemanticConventions::Latest;
    let otel = Otel::with(With { conventions, max_models: Some(3), ..With::default() });
    for nth in 0..50 {
        let tool = RunLayer::tool(format!("tool-{nth}")).callbacks(otel.callbacks());
        tool.run(async { Ok::<_, BoxError>(()) }).await.unwrap();
    }
    let measured = otel.measured();
    let tools = &measured["gen_ai.execute_tool.duration"].points;
    assert_eq!(tools.len(), 4, "{tools:?}");
    assert_eq!(tools.iter().map(|point| point.count).sum::<u64>(), 50);
    assert!(tools.iter().any(|point| point.attributes["gen_ai.tool.name"] == "_OTHER"));
}

/// Where nothing measures them, the runs of tools are not delivered.
#[test]
fn tools_are_masked_where_they_have_no_metrics() {
    use tower_llm_callbacks::{CallbackHandler, EventMask};
    for conventions in ALL {
        let mask = OtelMetrics::builder().conventions(conventions).build().event_mask();
        let wanted = conventions != SemanticConventions::V1_41;
        assert_eq!(mask.contains(EventMask::TOOL), wanted, "{conventions:?}");
    }
}

#[tokio::test]
async fn a_fetch_of_a_stored_answer_is_an_operation_of_its_own() {
    let otel = Otel::new();
    let stored = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5",
        "output": [], "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    });
    let request = Request::get("https://api.openai.com/v1/responses/resp_1");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let server = Upstream(move || answer(200, Full::<Bytes>::from(stored.to_string())));
    let response = HttpCallbackLayer::new(otel.callbacks()).layer(server).oneshot(request).await;
    response.unwrap().into_body().collect().await.unwrap();
    let span = otel.span();
    assert_eq!(span.attributes["gen_ai.operation.name"], "fetch_response");
    assert!(span.name.starts_with("fetch_response"), "{}", span.name);
}
