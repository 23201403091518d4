//! Where the usage of a chat answer is.

use super::{
    super::super::{
        answer::{Answer, Counts},
        choices::{Axis, Choices, axis},
        json::{Json, object},
        outcome::Outcome,
        usage::gemini,
    },
    Usage, envelope,
};

axis! {
    UsagePlace {
        OwnChunk,
        LastChunk,
        OwnChunkWithoutChoices,
        EachChunk,
        ZerosFirst,
        NullsFirst,
        NullsLast,
        InChoice,
        InChoiceAndOwnChunk,
        Groq,
        Twice,
        Elsewhere,
        ElsewhereFirst,
    }
}

axis! {
    /// The place where a server of another API reports the usage.
    OtherPlace { GeminiMetadata, Timings, TimingsWithoutCache, NativeCounts }
}

axis! {
    WholeUsagePlace { Top, InChoice, Elsewhere }
}

/// Adds the usage to the chunks of a stream.
pub fn add_usage(
    answer: &Answer,
    expected: &mut Outcome,
    chunks: &mut Vec<Json>,
    choices: &mut Choices<'_>,
) {
    let (names, place) = (Usage::new(choices), choices.axis());
    let Some(counts) = reported(answer, names, expected) else { return };
    let usage = || names.json(counts);
    let own = || envelope(answer, "chat.completion.chunk").with("choices", Json::List(vec![]));
    let each = |chunks: &mut Vec<Json>, value: Json| {
        chunks.iter_mut().for_each(|chunk| chunk.add("usage", value.clone()));
    };
    match place {
        UsagePlace::OwnChunk => chunks.push(own().with("usage", usage())),
        UsagePlace::LastChunk => last(chunks).add("usage", usage()),
        UsagePlace::OwnChunkWithoutChoices => {
            chunks.push(object! { "id": &answer.id, "model": &answer.model, "usage": usage() });
        }
        UsagePlace::EachChunk => {
            each(chunks, names.json(counts.so_far()));
            chunks.push(own().with("usage", usage()));
        }
        UsagePlace::ZerosFirst => {
            each(chunks, names.json(Counts::zeros()));
            chunks.push(own().with("usage", usage()));
        }
        UsagePlace::NullsFirst => {
            each(chunks, Json::NULL);
            chunks.push(own().with("usage", usage()));
        }
        UsagePlace::NullsLast => {
            last(chunks).add("usage", usage());
            chunks.push(own().with("usage", Json::NULL));
        }
        UsagePlace::InChoice => in_choice(last(chunks), usage()),
        UsagePlace::InChoiceAndOwnChunk => {
            in_choice(last(chunks), usage());
            chunks.push(own().with("usage", usage()));
        }
        UsagePlace::Groq => last(chunks).add("x_groq", object! { "id": "r", "usage": usage() }),
        UsagePlace::Twice => {
            last(chunks).add("usage", usage());
            chunks.push(own().with("usage", usage()));
        }
        UsagePlace::Elsewhere => {
            let elsewhere: OtherPlace = choices.axis();
            elsewhere.add(elsewhere.counts(counts, expected), last(chunks), choices);
        }
        UsagePlace::ElsewhereFirst => {
            let elsewhere: OtherPlace = choices.axis();
            let so_far = counts.so_far();
            chunks.iter_mut().for_each(|chunk| elsewhere.add(so_far, chunk, choices));
            chunks.push(own().with("usage", usage()));
            elsewhere.add(so_far, last(chunks), choices);
        }
    }
}

impl OtherPlace {
    /// The counts that are told here.
    fn counts(self, counts: Counts, expected: &mut Outcome) -> Counts {
        let reasoning = if self == Self::GeminiMetadata { counts.reasoning } else { 0 };
        let told = matches!(self, Self::GeminiMetadata | Self::Timings);
        let read = if told { counts.read } else { 0 };
        let usage = expected.usage.as_mut().expect("a usage");
        (usage[3], usage[4], usage[5]) = (read, 0, reasoning);
        Counts { read, write: 0, reasoning, ..counts }
    }

    /// Adds the counts to an answer or a chunk.
    fn add(self, counts: Counts, json: &mut Json, choices: &mut Choices<'_>) {
        let count = Json::Count;
        match self {
            Self::GeminiMetadata => {
                json.add("usageMetadata", gemini::Usage::new(choices).json(counts));
            }
            // llama.cpp.
            Self::Timings => json.add(
                "timings",
                object! {
                    "prompt_n": count(counts.input - counts.read), "prompt_ms": 87,
                    "predicted_n": count(counts.output), "cache_n": count(counts.read),
                },
            ),
            Self::TimingsWithoutCache => json.add(
                "timings",
                object! { "prompt_n": count(counts.input), "predicted_n": count(counts.output) },
            ),
            Self::NativeCounts => {
                json.add("tokens_evaluated", count(counts.input));
                json.add("tokens_predicted", count(counts.output));
            }
        }
    }
}

/// Adds the usage to a whole answer.
pub fn add_whole_usage(
    answer: &Answer,
    expected: &mut Outcome,
    json: &mut Json,
    choice: &mut Json,
    choices: &mut Choices<'_>,
) {
    let (names, place) = (Usage::new(choices), choices.axis());
    let Some(counts) = reported(answer, names, expected) else { return };
    match place {
        WholeUsagePlace::Top => json.add("usage", names.json(counts)),
        WholeUsagePlace::InChoice => choice.add("usage", names.json(counts)),
        WholeUsagePlace::Elsewhere => {
            let elsewhere: OtherPlace = choices.axis();
            elsewhere.add(elsewhere.counts(counts, expected), json, choices);
        }
    }
}

/// The counts that these names can tell.
fn reported(answer: &Answer, names: Usage, expected: &mut Outcome) -> Option<Counts> {
    let mut counts = answer.usage?;
    if !names.has_write() {
        counts.write = 0;
        expected.usage.as_mut().expect("a usage")[4] = 0;
    }
    Some(counts)
}

fn last(chunks: &mut [Json]) -> &mut Json {
    chunks.last_mut().expect("a chunk with the finish reason")
}

fn in_choice(chunk: &mut Json, usage: Json) {
    let Json::Object(members) = chunk else { panic!("a chunk is no object: {chunk:?}") };
    match members.iter_mut().find(|(key, _)| key == "choices") {
        Some((_, Json::List(all))) => all.last_mut().expect("a choice").add("usage", usage),
        other => panic!("a chunk has no list of choices: {other:?}"),
    }
}
