//! The events of a run and its children as a stream, as LangChain's `astream_events` gives them.

mod builder;
mod driven;
mod event;
mod filter;
mod handler;
mod queue;
mod stream;

pub use self::{
    builder::EventStreamBuilder, driven::DrivenEvents, event::RunEvent, stream::EventStream,
};
