//! Where events go, by the settings.

mod all;
mod appended;
mod bounded;
mod counted;
mod destination;
mod export_client;
mod former;
mod jsonl;
#[cfg(feature = "nats")]
mod nats;
mod otlp;
mod partial_success;
mod rotation;
mod running;
mod signal;
mod status;

pub(crate) use self::{all::Sinks, former::Former, running::RunningSink, status::SinkStatus};
use self::{
    appended::FileStatus,
    bounded::{Bounded, Queue},
    counted::Counted,
    destination::Destination,
    export_client::ExportClient,
    partial_success::PartialSuccess,
    rotation::Rotation,
    signal::{Signal, SignalStatus, Signals},
};
