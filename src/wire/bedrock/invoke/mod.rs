//! The answers of `InvokeModel` and `InvokeModelWithResponseStream`, in the dialect of the family of the model.

mod completion;
mod decoder;
mod dialect;
mod head;
mod protocol;
mod vectors;

pub use decoder::InvokeDecoder;
