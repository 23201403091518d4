//! Masks of texts that are escaped, as JSON texts are.

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_llm_callbacks::{
    Callbacks, HandlerExt,
    chat::ChatRequest,
    handler::{Mask, PersonalData},
    testing::{Recorded, Recorder, Script},
};

use super::{play, play_with, tool_call};

/// Secrets, and their parts that must not be seen.
const SECRETS: [(&str, &str, [&str; 2]); 9] = [
    ("josé.ñandú@example.org", "[EMAIL]", ["and", "example"]),
    ("ada@example.org", "[EMAIL]", ["ada", "example"]),
    ("4111\u{A0}1111\u{A0}1111\u{A0}1111", "[CARD]", ["4111", "1111"]),
    ("4111-1111-1111-1111", "[CARD]", ["4111", "1111"]),
    ("DE89\u{A0}3704 0044 0532 0130 00", "[IBAN]", ["3704", "0532"]),
    ("+49\u{A0}151\u{A0}98765432", "[PHONE]", ["151", "9876"]),
    ("(555) 987-6543", "[PHONE]", ["987", "6543"]),
    ("sk-abcd/efgh1234", "[KEY]", ["abcd", "efgh"]),
    ("nvapi-abcdefghijklmnop1234", "[KEY]", ["vapi", "efgh"]),
];

/// The ways in which characters are escaped, beside quotes and backslashes.
const WAYS: [fn(usize, char) -> bool; 5] = [
    |_, _| false,
    |_, c| !c.is_ascii(),
    |_, _| true,
    |nth, _| nth % 3 == 0,
    |_, c| !c.is_alphanumeric(),
];

/// Writes a string of a JSON text.
fn escaped(text: &str, is_escaped: impl Fn(usize, char) -> bool, slash: bool) -> String {
    let mut out = String::new();
    for (nth, c) in text.chars().enumerate() {
        match c {
            _ if is_escaped(nth, c) => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|it| out += &format!("\\u{it:04x}"));
            }
            '/' if slash => out.push_str("\\/"),
            c => out += Value::from(c.to_string()).to_string().trim_matches('"'),
        }
        // Trimmed as well.
        if c == '"' && !is_escaped(nth, c) {
            out.push('"');
        }
    }
    out
}

/// The texts of a run: the tokens, and the result.
async fn masked(mask: impl Mask, is_json: bool, pieces: &[String]) -> String {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone().mask(mask));
    let script = if is_json { tool_call(pieces) } else { Script::answer(pieces.to_vec()) };
    play(&callbacks, script).await;
    let result = recorder.terminals()[0].result().unwrap().clone();
    let whole = if is_json { &result.choices[0].tool_calls[0].arguments } else { result.text() };
    assert_eq!(recorder.text(), *whole, "{pieces:?}");
    whole.to_owned()
}

fn whole(text: &str) -> [String; 1] {
    [text.to_owned()]
}

#[tokio::test]
async fn secrets_are_covered_however_they_are_escaped_and_cut() {
    for (secret, mark, parts) in SECRETS {
        for (nth, way) in WAYS.into_iter().enumerate() {
            let text = format!("ü/ \"{secret}\", 👋 \\ end");
            let mut json = escaped(&text, way, nth % 2 == 0);
            for depth in 1..3 {
                let source = format!(r#"{{"to":"{json}","n":[1,true]}}"#);
                let expected = json!({"to": format!("ü/ \"{mark}\", 👋 \\ end"), "n": [1, true]});
                for is_json in [true, false] {
                    let all = masked(PersonalData::new(), is_json, &whole(&source)).await;
                    let parsed: Value = serde_json::from_str(&all).unwrap();
                    let mut to = parsed["to"].as_str().unwrap().to_owned();
                    if depth == 1 {
                        assert_eq!(parsed, expected, "{source}");
                    } else {
                        to = serde_json::from_str::<Value>(&to).unwrap()["in"].to_string();
                    }
                    for part in parts {
                        assert!(!all.contains(part) && !to.contains(part), "{source}: {all}");
                    }
                    assert!(to.contains(mark), "{source}: {all}");
                    let at_each = if depth == 1 { 1 + nth / 2 } else { 23 };
                    let cuts = (1..source.len()).filter(|at| source.is_char_boundary(*at));
                    for at in cuts.step_by(at_each) {
                        let pieces = [source[..at].to_owned(), source[at..].to_owned()];
                        let cut = masked(PersonalData::new(), is_json, &pieces).await;
                        assert_eq!(cut, all, "{pieces:?}");
                    }
                    let chars: Vec<String> = source.chars().map(String::from).collect();
                    assert_eq!(masked(PersonalData::new(), is_json, &chars).await, all);
                }
                let inner = format!(r#"{{"in":"{json}"}}"#);
                // Letters of escapes stay: nobody escapes those of an inner text.
                json =
                    escaped(&inner, |at, c| !c.is_ascii_alphanumeric() && way(at, c), nth % 2 == 1);
            }
        }
    }
}

#[tokio::test]
async fn escapes_without_secrets_stay() {
    for text in [
        r"C:\new folder\users\test, C:\\b\\u",
        r"\nabla \frac{1}{2} \textbf{x} \undefined \u{e9}",
        r"\d+\.\w*\\n \ud83d\ude00 \ud83d \ude00 \u4f60\u597d \u00",
        r#"{"a":"\u00e9\"\\","b":"C:\\new\\","c":"{\"d\":\"\\u00e9\\n\"}","e":[1,-2.5e3]}"#,
        r#"print(f"a\t{b}\n")"#,
        "\\",
        r"\u",
        r"\ud83d",
        r"\ud83d\u",
        r#"{"a":"\u005c","b":"\\u005c\u005Cn\u005"}"#,
    ] {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        for is_json in [true, false] {
            assert_eq!(masked(PersonalData::new(), is_json, &whole(text)).await, text);
            assert_eq!(masked(PersonalData::new(), is_json, &chars).await, text);
        }
        assert_eq!(masked(|text: &str| text.replace("Paris", "[city]"), false, &chars).await, text);
    }
    let many = "\\".repeat(5000);
    let pieces: Vec<String> = many.chars().map(String::from).collect();
    assert_eq!(masked(PersonalData::new(), false, &pieces).await, many);
}

/// A backslash before a letter may also be none of an escape.
#[tokio::test]
async fn letters_after_backslashes_are_read_in_both_ways() {
    for (is_json, text, expected) in [
        (false, r"a\nada@example.org x", r"a\n[EMAIL] x"),
        (false, r"\u201cada@example.org\u201d", r"\u201c[EMAIL]\u201d"),
        (false, r"a\nvapi-abcdefghijklmnop1234", "a[KEY]"),
        (false, r"a \ubeef@example.org", "a [EMAIL]"),
        (true, r#"{"a":"C:\\nvapi-abcdefghijklmnop1234"}"#, r#"{"a":"C:[KEY]"}"#),
        (true, r#"{"a":"\new@example.org"}"#, r#"{"a":"\n[EMAIL]"}"#),
        (true, r#"{"a":"ada@example.org\\"}"#, r#"{"a":"[EMAIL]\\"}"#),
    ] {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(masked(PersonalData::new(), is_json, &whole(text)).await, expected);
        assert_eq!(masked(PersonalData::new(), is_json, &chars).await, expected);
    }
}

/// What a mask waits for too long ends with its string.
#[tokio::test]
async fn a_long_word_ends_at_its_quote() {
    let key = format!("sk-{}", r"a\u0031".repeat(2000));
    let source = format!(r#"{{"a":"{key}","b":"c \"{key}\" d"}}"#);
    let expected = r#"{"a":"[MASKED]","b":"c \"[MASKED]\" d"}"#;
    for is_json in [true, false] {
        for size in [1, 7, 600, 5000] {
            let pieces: Vec<String> = source
                .as_bytes()
                .chunks(size)
                .map(|it| String::from_utf8(it.to_vec()).unwrap())
                .collect();
            assert_eq!(masked(PersonalData::new(), is_json, &pieces).await, expected, "{size}");
        }
    }
}

#[tokio::test]
async fn a_closure_reads_escaped_texts_too() {
    let mask = |text: &str| text.replace("José", "[name]");
    for (text, expected) in [
        (r#"{"a":"Jos\u00e9","b":"\u4f60"}"#, r#"{"a":"[name]","b":"\u4f60"}"#),
        (r#"{"a":"{\"b\":\"Jos\\u00e9\"}"}"#, r#"{"a":"{\"b\":\"[name]\"}"}"#),
        (r"so Jos\u00e9", "so [name]"),
    ] {
        for is_json in [true, false] {
            assert_eq!(masked(mask, is_json, &whole(text)).await, expected);
        }
    }
}

/// Results of tools and arguments in a prompt are JSON texts in JSON.
#[tokio::test]
async fn prompts_are_covered_where_they_are_escaped() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone().mask(PersonalData::new()));
    let all: Vec<String> = SECRETS
        .iter()
        .map(|(secret, ..)| escaped(secret, |_, c| !c.is_alphanumeric() || !c.is_ascii(), true))
        .collect();
    let result = format!(r#"{{"all":["{}"],"card":4111111111111111}}"#, all.join(r#"",""#));
    let request =
        ChatRequest::new("m").user(result.clone()).param("tools", json!([{"text": result}]));
    play_with(&callbacks, Script::answer(["ok"]), request, Default::default()).await;
    let events: Vec<Recorded> = recorder.events();
    let tower_llm_callbacks::EventData::LlmStart(start) = &events[0].data else { panic!() };
    let prompt = start.messages.get().unwrap().to_string() + &json!(start.params).to_string();
    for part in SECRETS.iter().flat_map(|(.., parts)| parts).chain([&"4111"]) {
        assert!(!prompt.contains(part), "{part}: {prompt}");
    }
    let marks: Vec<&str> = SECRETS.iter().map(|(_, mark, _)| *mark).collect();
    let expected = json!({"all": marks, "card": null}).to_string();
    assert!(prompt.contains(&json!(expected).to_string()), "{prompt}");
}

proptest! {
    /// An escaped text is covered as the text itself is.
    #[test]
    fn a_json_text_is_covered_as_its_text(
        words in prop::collection::vec((0..SECRETS.len(), "[ ,.:x\"\\\\/é👋\n(<0-9]{1,6}"), 1..4),
        bits in any::<u64>(),
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let text: String = words.iter().map(|(of, after)| format!(" {} {after}", SECRETS[*of].0)).collect();
        let json = escaped(&text, |nth, _| bits >> (nth % 64) & 1 == 1, bits & 1 == 1);
        let source = format!(r#"{{"a":"{json}"}}"#);
        let mut pieces = vec![String::new()];
        let mut cuts = cuts.into_iter().cycle();
        let mut left = cuts.next().unwrap();
        for c in source.chars() {
            if left == 0 {
                pieces.push(String::new());
                left = cuts.next().unwrap();
            }
            left -= 1;
            pieces.last_mut().unwrap().push(c);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let covered = masked(PersonalData::new(), true, &pieces).await;
            assert_eq!(covered, masked(PersonalData::new(), true, &whole(&source)).await);
            let parsed: Value = serde_json::from_str(&covered).unwrap();
            let plain = masked(PersonalData::new(), false, &whole(&text)).await;
            for (of, _) in &words {
                let (_, mark, _) = SECRETS[*of];
                assert!(parsed["a"].as_str().unwrap().contains(mark) || !plain.contains(mark), "{source}");
            }
            if !text.contains('\\') {
                assert_eq!(parsed["a"], plain, "{source}");
            }
            let streamed = masked(PersonalData::new(), false, &pieces).await;
            assert_eq!(streamed, masked(PersonalData::new(), false, &whole(&source)).await);
            assert!(serde_json::from_str::<Value>(&streamed).is_ok(), "{streamed}");
        });
    }
}
