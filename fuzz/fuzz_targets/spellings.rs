#![no_main]

use libfuzzer_sys::fuzz_target;

// The generator is that of the tests, so that both know the same spellings.
#[path = "../../tests/wire/spellings/generator/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod generator;

use generator::{Case, Choices, Protocol};

const PROTOCOLS: [Protocol; 8] = [
    Protocol::Anthropic,
    Protocol::Chat,
    Protocol::Completions,
    Protocol::Responses,
    Protocol::Gemini,
    Protocol::Ollama,
    Protocol::Cohere,
    Protocol::Interactions,
];

// However an answer or an error is spelled, its decoder reads the same from it.
fuzz_target!(|data: &[u8]| {
    let [first, rest @ ..] = data else { return };
    let protocol = PROTOCOLS[usize::from(first / 2) % PROTOCOLS.len()];
    let mut choices = Choices::bytes(rest);
    let case = match first % 2 {
        0 => Case::answer(protocol, &mut choices),
        _ => Case::failure(protocol, &mut choices),
    };
    let differences = case.differences();
    assert!(
        differences.is_empty(),
        "{}\n{:?}\n{}",
        differences.join("\n"),
        choices.used(),
        case.shown()
    );
});
