//! What users implement: blocking and async handlers, and which events they want.

mod asynchronous;
mod blocking;
mod closures;
mod interests;
mod wrappers;

pub use self::{
    asynchronous::AsyncCallbackHandler,
    blocking::CallbackHandler,
    closures::{
        AsyncFnHandler, FnHandler, on_end, on_error, on_event, on_event_async, on_result, on_start,
        on_token,
    },
    interests::Interests,
};
