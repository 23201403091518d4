//! Where events go, by the settings.

mod all;
mod export_client;
mod jsonl;
#[cfg(feature = "nats")]
mod nats;
mod otlp;
mod rotation;
mod running;

pub(crate) use self::all::Sinks;
use self::{export_client::ExportClient, rotation::Rotation, running::RunningSink};
