//! The answers of `InvokeModel` and `InvokeModelWithResponseStream`, in the dialect of the family of the model.

mod completion;
mod decoder;
mod dialect;
mod head;
mod protocol;

pub use decoder::InvokeDecoder;
