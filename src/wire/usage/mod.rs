//! The token counts of an answer, under every name that providers and gateways give them.

mod details;
mod figure;
mod found;
mod report;
mod sums;

pub(crate) use self::report::read;
pub(in crate::wire) use self::{
    details::{Details, member as detail},
    report::{elsewhere, emit, emit_with},
};
