#![no_main]

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::{
    Format, LlmHttpResponse,
    operations::{Embeddings, Images, Speech, Transcriptions},
};
use tower_llm_callbacks_fuzz::check;

fuzz_target!(|data: &[u8]| {
    let formats: [&dyn Format; 4] = [&Embeddings, &Images, &Speech, &Transcriptions];
    for kind in ["application/json", "text/event-stream", "text/plain", "audio/mpeg"] {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        let response = LlmHttpResponse::new(StatusCode::OK, &headers);
        for format in formats {
            check(|| format.decoder(&response), data);
        }
    }
});
