#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::openai_responses::OpenAiResponsesDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(OpenAiResponsesDecoder::new()), data);
    check(|| Box::new(OpenAiResponsesDecoder::with_limit(64)), data);
    check(|| Box::new(OpenAiResponsesDecoder::whole()), data);
});
