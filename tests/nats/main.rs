//! Event records through a real NATS server: what goes in comes out, whoever is killed in between.

#![cfg(unix)]
mod breaking;
mod calls;
mod lines;
mod losing;
mod passing;
mod proxy;
mod server;
mod workers;
