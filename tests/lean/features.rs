//! No feature is on: the items that features add are absent.
//!
//! Each has a stand-in here. A name that two globs bring is ambiguous, and its use does not compile. What the features of
//! decompression add has no name: `http_layer.rs` looks at what they do.

mod stand_ins {
    pub(super) mod nats {
        pub(crate) struct Absent;
    }
    pub(super) mod testing {
        pub(crate) struct Absent;
    }
    pub(super) mod retry {
        pub(crate) struct Absent;
    }
    pub(super) struct ConsoleLog;
    pub(super) struct HttpClient;
    pub(super) struct LlmMetrics;
    pub(super) struct OtelSpans;
    pub(super) struct TokenizerEstimator;
    pub(super) struct ReqwestService;
    pub(super) struct TracingSpans;
    pub(super) struct UsageTotals;
}

mod both {
    pub(super) use super::stand_ins::*;
    #[allow(unused_imports, reason = "nothing of them is used as long as no feature is on")]
    pub(super) use tower_llm_callbacks::{estimate::*, handlers::*, model::*, *};
}

#[test]
fn none_is_on() {
    let _ = (both::nats::Absent, both::testing::Absent);
    let _ = (both::retry::Absent, both::ReqwestService);
    let _ = (both::ConsoleLog, both::HttpClient, both::LlmMetrics);
    let _ = (both::OtelSpans, both::TracingSpans, both::UsageTotals, both::TokenizerEstimator);
}
