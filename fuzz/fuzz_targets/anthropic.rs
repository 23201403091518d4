#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::anthropic::AnthropicDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(AnthropicDecoder::new()), data);
    check(|| Box::new(AnthropicDecoder::with_limit(64)), data);
    check(|| Box::new(AnthropicDecoder::whole()), data);
});
