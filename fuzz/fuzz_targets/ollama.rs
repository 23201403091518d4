#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::ollama::OllamaDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(OllamaDecoder::new()), data);
    check(|| Box::new(OllamaDecoder::with_limit(64)), data);
    check(|| Box::new(OllamaDecoder::whole()), data);
});
