#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::gemini::GeminiDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(GeminiDecoder::new()), data);
    check(|| Box::new(GeminiDecoder::with_limit(64)), data);
    check(|| Box::new(GeminiDecoder::whole()), data);
});
