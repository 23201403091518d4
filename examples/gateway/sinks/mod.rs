//! Where events go, by the settings.

mod all;
mod appended;
mod counted;
mod destination;
mod export_client;
mod former;
mod jsonl;
#[cfg(feature = "nats")]
mod nats;
mod otlp;
mod rotation;
mod running;
mod signal;
mod status;

pub(crate) use self::{all::Sinks, former::Former, running::RunningSink, status::SinkStatus};
use self::{
    appended::FileStatus,
    counted::Counted,
    destination::Destination,
    export_client::ExportClient,
    rotation::Rotation,
    signal::{Signal, SignalStatus, Signals},
};
