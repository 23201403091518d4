//! One answer in many spellings: whatever server and gateway wrote the body, the result is the same.
//!
//! `SPELLINGS=20000` tries that many bodies for each protocol, and `SPELLINGS_FROM=7` begins with another seed.
//! A failing test names the spellings that are the causes; `SPELLINGS_REDUCED=1000` looks for them in more bodies.

mod generator;
mod report;

use generator::{Case, Protocol};
use report::check;

/// Bodies for each protocol.
const SEEDS: u64 = 2000;

macro_rules! protocols {
    ($($answers:ident $failures:ident $protocol:ident),* $(,)?) => {$(
        #[test]
        fn $answers() {
            check(stringify!($protocol), SEEDS, |choices| Case::answer(Protocol::$protocol, choices));
        }

        #[test]
        fn $failures() {
            check(stringify!($protocol), SEEDS / 2, |choices| {
                Case::failure(Protocol::$protocol, choices)
            });
        }
    )*};
}

protocols! {
    anthropic_answers anthropic_failures Anthropic,
    chat_answers chat_failures Chat,
    completions_answers completions_failures Completions,
    responses_answers responses_failures Responses,
    gemini_answers gemini_failures Gemini,
    ollama_answers ollama_failures Ollama,
    cohere_answers cohere_failures Cohere,
    interactions_answers interactions_failures Interactions,
}
