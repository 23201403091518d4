//! Ready-made handlers.

mod jsonl;

pub use self::jsonl::JsonLines;
