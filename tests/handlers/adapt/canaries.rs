//! Many events with canaries at every place, cut anywhere.

use std::sync::{Arc, Mutex};

use support::Mode;
use tower_llm_callbacks::{
    Callbacks, ContentCapture, Delta, HandlerExt, ProviderError,
    chat::{ChatChunk, ChatRequest},
    handler::PersonalData,
    testing::Script,
};

use super::{play_with, records};

/// A secret, and a part of it that must not be seen.
const CANARIES: [(&str, &str); 6] = [
    ("canary.one@leak.example.com", "canary"),
    ("+49 151 9876 5432", "9876 5"),
    ("4111 1111 1111 1111", "1111 1111"),
    ("DE89 3704 0044 0532 0130 00", "0532 0"),
    ("sk-canary0123456789", "canary"),
    ("(555) 987-6543", "7-6543"),
];

/// A generator of numbers, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }

    /// A text with secrets, in words.
    fn text(&mut self) -> String {
        let words = ["so", "the number is", "\n-", "(see", "12 of 30,", "«", "\"", "\t"];
        let mut text = String::new();
        for _ in 0..3 {
            text += words[self.below(words.len())];
            text += " ";
            text += CANARIES[self.below(CANARIES.len())].0;
            text += [" ", ", ", ". ", "\n", "\"", ")", ": "][self.below(7)];
        }
        text
    }

    fn cut(&mut self, text: &str) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for c in text.chars() {
            if self.below(4) == 0 {
                pieces.push(String::new());
            }
            pieces.last_mut().unwrap().push(c);
        }
        pieces
    }

    fn script(&mut self) -> Script {
        let mut script = Script::new().respond();
        let mut queues: Vec<(u32, Vec<String>)> = (0..4)
            .map(|place| {
                let text = self.text();
                let text =
                    if place == 3 { serde_json::json!({"of": text}).to_string() } else { text };
                let mut pieces = self.cut(&text);
                pieces.reverse();
                (place, pieces)
            })
            .collect();
        while queues.iter().any(|(_, pieces)| !pieces.is_empty()) {
            let at = self.below(queues.len());
            let (place, pieces) = &mut queues[at];
            let Some(piece) = pieces.pop() else { continue };
            script = script.chunk(ChatChunk::from(match place {
                0 | 1 => Delta::Text { choice: *place, text: piece.into() },
                2 => Delta::reasoning(piece),
                _ => Delta::tool_arguments(0, piece),
            }));
        }
        let text = self.text();
        match self.below(3) {
            0 => script.provider_error(ProviderError::new(text).code("bad")),
            1 => script.fail(text),
            _ => script.complete("stop"),
        }
    }
}

fn runs() -> usize {
    std::env::var("CANARY_RUNS").map_or(60, |runs| runs.parse().expect("CANARY_RUNS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_leaves_a_mask_or_content_that_is_off() {
    let mut random = Random(7);
    for mode in Mode::ALL {
        let (masked, off, small) = (Arc::default(), Arc::default(), Arc::default());
        let seen: [&Arc<Mutex<String>>; 3] = [&masked, &off, &small];
        let callbacks = Callbacks::new()
            .inline(tower_llm_callbacks::on_event(records(&masked)).mask(PersonalData::new()))
            .add(mode.closure(records(&Arc::default())))
            .blocking(tower_llm_callbacks::on_event(records(&off)).content(ContentCapture::Off))
            // A queue that drops tokens.
            .add(
                tower_llm_callbacks::Registration::blocking(
                    tower_llm_callbacks::on_event(records(&small)).mask(PersonalData::new()),
                )
                .background()
                .capacity(3),
            );
        for _ in 0..runs() {
            let script = random.script();
            let request = ChatRequest::new("m").user(random.text()).system(random.text());
            play_with(&callbacks, script, request, Default::default()).await;
        }
        for seen in seen {
            let seen = seen.lock().unwrap();
            for (secret, part) in CANARIES {
                let at = seen.find(part).unwrap_or(0);
                let near = &seen[seen.floor_char_boundary(at.saturating_sub(900))
                    ..seen.floor_char_boundary(at + 200)];
                assert!(!seen.contains(part), "{mode:?}: {secret}: {near}");
            }
            assert!(seen.len() > 1_000);
        }
    }
}
