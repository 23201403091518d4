//! The events of a run and its children as a stream: LangChain's `astream_events`.

mod builder;
mod driven;
mod event;
mod filter;
mod handler;
mod queue;
mod reader;
mod stream;

pub use self::{
    builder::EventStreamBuilder, driven::DrivenEvents, event::RunEvent, stream::EventStream,
};
