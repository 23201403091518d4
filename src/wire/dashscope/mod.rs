//! Alibaba Cloud's DashScope in its own form: text and multimodal generation. Its other form is that of OpenAI.
//!
//! Source: the SDK `dashscope` for Python, 2.0.2 (`protocols/native.py`, `common/utils.py`).

mod decoder;
mod event;
mod format;
mod protocol;

pub use decoder::DashScopeDecoder;
pub use format::DashScope;
