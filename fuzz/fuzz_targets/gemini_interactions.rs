#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::gemini_interactions::InteractionsDecoder;
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(|| Box::new(InteractionsDecoder::new()), data);
    check(|| Box::new(InteractionsDecoder::with_limit(64)), data);
    check(|| Box::new(InteractionsDecoder::whole()), data);
});
