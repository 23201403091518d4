#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::text_generation::TextGenerationDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(TextGenerationDecoder::new()), data);
    check(|| Box::new(TextGenerationDecoder::with_limit(64)), data);
    check(|| Box::new(TextGenerationDecoder::whole()), data);
});
