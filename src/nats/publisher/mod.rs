//! The publishing handler.

mod buffer;
mod config;
mod lost;
mod outbox;
#[expect(
    clippy::module_inception,
    reason = "the folder is about publishing, the file about `Publisher`"
)]
mod publisher;
mod pump;
mod queued;

pub use self::{
    config::PublisherConfig,
    lost::{PublishLosses, PublisherStats},
    publisher::Publisher,
};
