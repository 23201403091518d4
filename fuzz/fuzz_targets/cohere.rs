#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::cohere::CohereDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(CohereDecoder::new()), data);
    check(|| Box::new(CohereDecoder::with_limit(64)), data);
    check(|| Box::new(CohereDecoder::whole()), data);
});
