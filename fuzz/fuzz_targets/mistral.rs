#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::mistral::ConversationsDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(ConversationsDecoder::new()), data);
    check(|| Box::new(ConversationsDecoder::with_limit(64)), data);
    check(|| Box::new(ConversationsDecoder::whole()), data);
});
