//! What OpenAI's interfaces have in common: who else serves them, and how errors look.

pub(in crate::wire) mod dialect;
pub(in crate::wire) mod error;
