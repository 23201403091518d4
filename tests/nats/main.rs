//! Event records through a real NATS server: every published event is delivered, whichever process is killed.

#![cfg(unix)]
mod breaking;
mod budgets;
mod calls;
mod lines;
mod losing;
mod passing;
mod proxy;
mod server;
mod workers;
