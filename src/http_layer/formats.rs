use std::sync::Arc;

use crate::{
    panics::catch,
    run::RunType,
    wire::{Format, LlmHttpRequest},
};

/// The formats that a request may have, by its method and path.
pub(super) enum Formats {
    One(Arc<dyn Format>),
    /// The body decides between these, or else it is the other one, if there is one.
    ByBody(Vec<Arc<dyn Format>>, Option<Arc<dyn Format>>),
}

impl Formats {
    /// Returns the type of the runs. APIs that share a path have one.
    pub(super) fn run_type(&self) -> RunType {
        let format = match self {
            Self::One(format) => format,
            Self::ByBody(asked, _) => &asked[0],
        };
        catch(|| format.run_type()).unwrap_or_else(|_| {
            tracing::error!(target: "tower_llm_callbacks", ?format, "a wire format panicked on its run type");
            RunType::Llm
        })
    }

    /// Returns the format of a call; `None` if the request is no call.
    pub(super) fn of(&self, call: &LlmHttpRequest<'_>) -> Option<Arc<dyn Format>> {
        let (asked, other) = match self {
            Self::One(format) => return Some(Arc::clone(format)),
            Self::ByBody(asked, other) => (asked, other.as_ref()),
        };
        // A format may be user code, and must not break the call.
        let mut asked = asked.iter();
        let reads = asked.find(|format| {
            catch(|| format.reads(call)).unwrap_or_else(|_| {
                tracing::error!(target: "tower_llm_callbacks", ?format, "a wire format panicked on a request");
                false
            })
        });
        reads.or(other).cloned()
    }
}
