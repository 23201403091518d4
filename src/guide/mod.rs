//! Guides to the crate.
//!
//! - [`handlers`]: which ready-made handler to choose, and what each costs
//! - [`gateway`]: a gateway with tenants, budgets, masks and audit files in an afternoon
//! - [`backends`]: how traces, metrics and logs get to Phoenix, Langfuse and other tools
//! - [`propagation`]: where the current run follows a call, and where it has to be carried
//! - [`debugging`]: what to check if a handler is not called
//! - [`endpoints`]: which requests over HTTP are observed
//! - [`formats`]: how to read an API that the crate does not know
//! - [`langchain`]: LangChain's callbacks, options and idioms in this crate
//! - [`testing`]: how to test a handler, a layer, a gateway

#[doc = include_str!("backends.md")]
pub mod backends {}

#[doc = include_str!("debugging.md")]
pub mod debugging {}

#[doc = include_str!("endpoints.md")]
pub mod endpoints {}

#[doc = include_str!("formats.md")]
pub mod formats {}

#[doc = include_str!("gateway.md")]
pub mod gateway {}

#[doc = include_str!("handlers.md")]
pub mod handlers {}

#[doc = include_str!("langchain.md")]
pub mod langchain {}

#[doc = include_str!("propagation.md")]
pub mod propagation {}

#[doc = include_str!("testing.md")]
pub mod testing {}
