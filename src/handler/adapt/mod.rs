//! Adaptors: what one handler gets of the events of its set.

mod adapted;
mod adapter;
mod content;
mod escapes;
mod ext;
mod found;
mod mask;
mod masked_text;
mod masking;
mod numbers;
mod only;
mod personal;
mod place;
mod reading;
mod redelivery;
mod rewrite;
mod sampled;
mod sampling;
mod whole_text;

pub use self::{
    adapted::Adapted,
    adapter::{Adaptation, Adapter},
    content::ContentLimit,
    ext::HandlerExt,
    mask::{Mask, MaskStep, MaskWindow},
    masking::Masking,
    only::Only,
    personal::PersonalData,
    sampled::{SampleStats, Sampled},
    sampling::Sampling,
};
