//! Event records through a real NATS server: what goes in comes out, whoever is killed in between.

#![cfg(unix)]

#[path = "nats/breaking.rs"]
mod breaking;
#[path = "nats/calls.rs"]
mod calls;
#[path = "nats/lines.rs"]
mod lines;
#[path = "nats/losing.rs"]
mod losing;
#[path = "nats/passing.rs"]
mod passing;
#[path = "nats/proxy.rs"]
mod proxy;
#[path = "nats/server.rs"]
mod server;
#[path = "nats/workers.rs"]
mod workers;
