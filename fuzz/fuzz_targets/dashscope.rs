#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::dashscope::DashScopeDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(DashScopeDecoder::new()), data);
    check(|| Box::new(DashScopeDecoder::with_limit(64)), data);
    check(|| Box::new(DashScopeDecoder::whole()), data);
});
