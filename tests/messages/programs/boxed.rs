use support::{
    futures::stream,
    tower::{BoxError, service_fn, util::BoxService},
    tower_llm_callbacks::{
        batch::Batch,
        chat::{BoxModel, ChatChunk, ChatRequest, ChatStream},
        testing::{Script, ScriptedModel},
    },
};

/// An error that does not implement `Error`.
pub struct Foreign;

fn not_clone() {
    let model = BoxService::new(ScriptedModel::new(Script::answer(["Hello"])));
    let _ = BoxModel::new(model); //~ is not `Clone`
}

fn items() {
    let model = service_fn(|_: ChatRequest| async { Ok::<_, BoxError>(stream::iter([ChatChunk::Done])) });
    let _ = BoxModel::new(model); //~ is not a stream of results
    let _ = Batch::new().run(&model, [ChatRequest::new("any")]); //~ is not a stream of results
}

fn errors() {
    let model = service_fn(|_: ChatRequest| async { Err::<ChatStream, _>(Foreign) });
    let _ = BoxModel::new(model); //~ the error `Foreign` does not convert into a `tower::BoxError`
    let _ = Batch::new().run(&model, [ChatRequest::new("any")]); //~ the error `Foreign` does not convert into a `tower::BoxError`
}
