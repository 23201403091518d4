//! Guides: texts, without code of their own.

#[doc = include_str!("handlers.md")]
pub mod handlers {}

#[doc = include_str!("langchain.md")]
pub mod langchain {}

#[doc = include_str!("propagation.md")]
pub mod propagation {}
