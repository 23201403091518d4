//! What users implement: blocking and async handlers, and masks of the events they want.

mod adapt;
mod async_handler;
mod batch;
mod blocking_handler;
mod closures;
mod event_mask;
mod open;
mod wrappers;

pub(crate) use self::open::Open;
pub use self::{
    adapt::{
        Adaptation, Adapted, Adapter, ContentLimit, HandlerExt, Mask, MaskStep, MaskWindow,
        Masking, Only, PersonalData, SampleStats, Sampled, Sampling,
    },
    async_handler::AsyncCallbackHandler,
    batch::{BatchError, BatchEvent},
    blocking_handler::CallbackHandler,
    closures::{
        AsyncFnHandler, FnHandler, TryFnHandler, on_event, on_event_async, on_llm_end,
        on_llm_error, on_llm_new_token, on_llm_result, on_llm_start, try_on_event,
    },
    event_mask::EventMask,
};
pub use crate::run::Identity;
