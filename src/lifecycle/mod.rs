//! A run's life: what it is made of, its start, its items, and its one terminal event.
//!
//! A [`RunSpec`] opens a [`NewRun`]. An [`Emitter`] starts it and emits its events, with an account of what the run adds
//! up to: [`llm`] for model calls, [`runnable`] for other runs. A [`CallFuture`] polls the inner call, and a [`Gated`] its
//! response: the only polling loops of the crate.

mod account;
mod accounting;
mod attached;
mod call;
mod cause;
mod clock;
mod config;
mod counted_answers;
mod emitter;
mod gate;
mod llm;
mod new_run;
mod one_shot;
mod phases;
mod requested;
mod runnable;
mod settings;
mod source;
mod spec;
mod terminal;

pub(crate) use self::{
    accounting::Accounting,
    call::{CallFuture, Ending, Outcome, Prepare},
    emitter::Emitter,
    gate::Gated,
    llm::{Llm, LlmEmitter, start_llm},
    new_run::NewRun,
    phases::Phases,
    runnable::{Runnable, start_runnable},
    settings::{llm_settings, run_settings},
    source::{Position, Reader, Source},
    spec::RunSpec,
};
pub use self::{config::RunConfig, one_shot::RunHandle, runnable::PartialOutput};
