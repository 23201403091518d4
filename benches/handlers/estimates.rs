//! What estimates of usage cost.

use std::{convert::Infallible, hint::black_box};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, EventMask, LlmResult, LlmStart, Prompt,
    chat::{ChatChunk, ChatRequest},
    estimate::{Answer, AnswerCount, UsageEstimator, WordEstimator},
    event::Accumulator,
};

use crate::work::{IgnoreEnds, runtime};
use harness::{Bound, Cost, Row, compare, per_token};

const ROUNDS: usize = 50;

/// Some prose, code and figures.
const TEXT: &str = "The tower of Constance in Aigues-Mortes was built in 1248, as a keep, a lighthouse and, later on, \
    a prison. `let keep = Tower::new(33.5, \"Constance\");`\n\n- Walls: 6 metres, Höhe 30 m.\n";

pub(crate) fn rows(scale: usize) -> Vec<bool> {
    vec![answer(4_000 / scale), request(), unwatched(200_000 / scale), watched(200_000 / scale)]
}

fn tokens(result: &LlmResult) -> u64 {
    let count = AnswerCount::of(result);
    let estimate = WordEstimator::new().output(&Answer::new(result, &count));
    estimate.expect("a text has an estimate").tokens
}

fn answer(texts: usize) -> bool {
    let row = Row {
        name: "the estimate of an answer, a token",
        baseline: "its words, parted by blanks",
        bound: Bound { ratio: 1.0, more_ns: 40.0 },
    };
    let mut answer = Accumulator::new();
    answer.delta(&Delta::text(TEXT.repeat(texts.max(1))));
    let result = answer.finish();
    let all = usize::try_from(tokens(&result)).expect("few");
    compare(
        &row,
        ROUNDS,
        || per_token(all, || _ = black_box(result.text().split_whitespace().count())),
        || per_token(all, || _ = black_box(tokens(&result))),
    )
}

fn request() -> bool {
    let row = Row {
        name: "the estimate of a request with a tool, a token",
        baseline: "the request as JSON",
        bound: Bound { ratio: 1.0, more_ns: 40.0 },
    };
    let message = |n: usize| {
        let role = if n.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": TEXT.repeat(8)})
    };
    let messages: Value = (0..30).map(message).collect();
    let tool = json!({"type": "function", "function": {"name": "height", "description": "The height of a tower",
        "parameters": {"type": "object", "properties": {"tower": {"type": "string"}}, "required": ["tower"]}}});
    let start = LlmStart::new("openai", "chat_completions")
        .model("gpt-5-mini")
        .messages(Prompt::json(messages.clone()))
        .param("tools", json!([tool]));
    let estimator = WordEstimator::new();
    let tokens = || estimator.input(&start).expect("the prompt is captured").tokens;
    let all = usize::try_from(tokens()).expect("few");
    compare(
        &row,
        ROUNDS,
        || per_token(all, || _ = black_box(messages.to_string())),
        || per_token(all, || _ = black_box(tokens())),
    )
}

/// A handler of starts: no handler looks at usage.
struct Starts;

impl CallbackHandler for Starts {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_START
    }
}

/// Returns the time per token of an answer without usage.
fn stream(callbacks: &Callbacks, estimates: bool, tokens: usize) -> Cost {
    let runtime = runtime();
    let answer = move || {
        let chunks = (0..tokens).map(|_| Ok::<_, Infallible>(ChatChunk::text(" token")));
        stream::iter(chunks.chain([Ok(ChatChunk::Done)]))
    };
    let model = service_fn(move |_: ChatRequest| std::future::ready(Ok::<_, Infallible>(answer())));
    let layer = CallbackLayer::new(callbacks.clone());
    let layer = if estimates { layer } else { layer.without_estimates() };
    let mut model = layer.layer(model);
    per_token(tokens, || {
        runtime.block_on(async {
            let request = ChatRequest::new("gpt-5-mini").user("Hi");
            let mut stream = model.call(request).await.expect("the model does not fail");
            while let Some(chunk) = stream.next().await {
                black_box(chunk.expect("no error"));
            }
        });
    })
}

fn unwatched(tokens: usize) -> bool {
    let row = Row {
        name: "a token without a report, and no handler of ends",
        baseline: "the same layer without estimates",
        bound: Bound { ratio: 1.05, more_ns: 1.0 },
    };
    beside_without(&row, &Callbacks::new().inline(Starts), tokens)
}

fn watched(tokens: usize) -> bool {
    let row = Row {
        name: "a token without a report, and a handler of ends",
        baseline: "the same layer without estimates",
        bound: Bound { ratio: 1.25, more_ns: 40.0 },
    };
    beside_without(&row, &Callbacks::new().inline(IgnoreEnds), tokens)
}

fn beside_without(row: &Row, callbacks: &Callbacks, tokens: usize) -> bool {
    let without = || stream(callbacks, false, tokens);
    compare(row, ROUNDS, without, || stream(callbacks, true, tokens))
}
