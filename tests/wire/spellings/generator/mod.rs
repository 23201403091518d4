//! A generator of answers in many spellings that every client reads as the same.
//!
//! An [`Answer`](answer::Answer) is what a model says. A protocol renders it as JSON texts, a [`writing::Writer`]
//! writes these, and the framing makes them a body. Each place where servers differ is an axis: an enum whose first
//! variant is the plain spelling. To add one, declare it with `axis!` and ask [`Choices::axis`] where it matters.
//!
//! The fuzz target includes this module too. It must not depend on anything but the crate and `serde_json`.

mod answer;
mod bytes;
mod case;
mod choices;
mod content;
mod errors;
mod framing;
mod json;
mod outcome;
mod protocols;
mod splits;
mod usage;
mod whole;
mod writing;

pub use self::{
    case::Case,
    choices::{Choices, Label},
    protocols::Protocol,
};
