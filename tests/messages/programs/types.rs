use std::sync::Arc;

use support::tower_llm_callbacks::{
    CallbackLayer, Callbacks, HandlerExt, HttpCallbackLayer, Run, Token, model::ModelLayer, on_llm_end,
};

pub struct Unknown;

fn handlers() {
    let _ = Callbacks::new().blocking(Unknown); //~ `Unknown` is not a callback handler
    let _ = Callbacks::new().async_handler(Unknown); //~ `Unknown` is not
    let _ = Callbacks::new().inline(|_: &Run, _: &Token| {}); //~ use a function such as `on_llm_new_token(|run, token| …)`
}

fn layers() {
    let _ = HttpCallbackLayer::new(Callbacks::new()).format(Unknown); //~ `Unknown` is not the wire format of an API
    let _ = CallbackLayer::new(Callbacks::new()).usage_estimator(Arc::new(Unknown)); //~ `Unknown` does not estimate tokens
    let _ = CallbackLayer::new(Callbacks::new()).prices(Unknown); //~ `Unknown` has no prices of calls
    let _ = on_llm_end(|_, _| {}).mask(Unknown); //~ `Unknown` is not a mask of texts
    let _ = ModelLayer::new(Unknown); //~ `Unknown` is not the configuration of a typed model
}
