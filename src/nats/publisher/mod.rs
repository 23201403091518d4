//! The handler that publishes.

mod buffer;
mod config;
mod item;
mod lost;
#[expect(
    clippy::module_inception,
    reason = "the folder is about publishing, the file about `Publisher`"
)]
mod publisher;
mod pump;

pub use self::{
    config::PublisherConfig,
    lost::{PublishLosses, PublisherStats},
    publisher::Publisher,
};
