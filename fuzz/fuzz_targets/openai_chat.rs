#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::openai_chat::OpenAiChatDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(OpenAiChatDecoder::new()), data);
    check(|| Box::new(OpenAiChatDecoder::with_limit(64)), data);
    check(|| Box::new(OpenAiChatDecoder::whole()), data);
});
