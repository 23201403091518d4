use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    identity::has_word,
    name::{is_data, is_headers, is_secret, is_url, may_be_opaque},
};

/// Whether a text is valid JSON and a prompt in which [nothing is redacted](super::prompt), whatever its values.
///
/// One pass, without values: what is redacted in a prompt is known by the names of members. A false answer means only that
/// the prompt has to be looked at.
pub(crate) fn leaves_prompt(json: &[u8]) -> bool {
    // The strings are checked here, so that they are not looked at one by one.
    std::str::from_utf8(json).is_ok_and(|json| serde_json::from_str::<Untouched>(json).is_ok())
}

/// Members of most prompts, in which nothing is redacted: they are not looked up again.
const HARMLESS: [&str; 8] =
    ["role", "content", "type", "text", "id", "name", "tool_call_id", "arguments"];

fn may_be_redacted(name: &str) -> bool {
    !HARMLESS.contains(&name)
        && (is_secret(name)
            || is_headers(name)
            || may_be_opaque(name)
            || is_url(name)
            || is_data(name)
            // Inside of it the rules are others.
            || has_word(name, "metadata"))
}

/// A value in which nothing is redacted. Any other is an error.
struct Untouched;

impl<'de> Deserialize<'de> for Untouched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UntouchedVisitor)
    }
}

struct UntouchedVisitor;

impl<'de> Visitor<'de> for UntouchedVisitor {
    type Value = Untouched;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value in which nothing is redacted")
    }

    fn visit_unit<E: Error>(self) -> Result<Untouched, E> {
        Ok(Untouched)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Untouched, E> {
        Ok(Untouched)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Untouched, E> {
        Ok(Untouched)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Untouched, E> {
        Ok(Untouched)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Untouched, E> {
        Ok(Untouched)
    }

    /// A type can say that other members are data.
    fn visit_str<E: Error>(self, text: &str) -> Result<Untouched, E> {
        if text == "redacted_thinking" { Err(E::custom("redacted")) } else { Ok(Untouched) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Untouched, A::Error> {
        while items.next_element::<Untouched>()?.is_some() {}
        Ok(Untouched)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Untouched, A::Error> {
        while members.next_key::<Name>()?.is_some() {
            members.next_value::<Untouched>()?;
        }
        Ok(Untouched)
    }
}

/// The name of a member that is not redacted.
struct Name;

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name that is not redacted")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        if may_be_redacted(name) { Err(E::custom("redacted")) } else { Ok(Name) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{HARMLESS, leaves_prompt};
    use crate::redact::prompt;

    #[test]
    fn what_is_left_is_not_redacted() {
        // Every name that a rule mentions, in several spellings and places, with values that rules look for.
        let names = "role content type text id name tool_call_id arguments authorization token api_key \
            Api-Key headers extraHeaders url image_url fileUri source inlineData inline_data input_audio audio \
            file_data images b64_json data bytes metadata userMetadata input args output result signature \
            encrypted_content thinking auth authentication user email input_schema";
        let values = [
            json!("https://me:pw@host/?key=CANARY"),
            json!("data:image/png;base64,CANARY"),
            json!("redacted_thinking"),
            json!("plain"),
            json!({"data": "CANARY", "type": "base64"}),
            json!({"type": "redacted_thinking", "data": "CANARY"}),
            json!({"user_id": "CANARY", "X-Key": ["CANARY"]}),
            json!(["CANARY", 1, null, true, 1.5]),
        ];
        let mut left = 0;
        for name in names.split_whitespace() {
            for value in &values {
                for sent in [
                    json!([{"role": "user", name: value}]),
                    json!([{"content": [{"type": "tool_use", "input": {name: value}}]}]),
                    json!([{name: {"content": value, "id": "x"}}]),
                    json!([{name: {name: [value]}}]),
                ] {
                    let mut covered = sent.clone();
                    prompt(&mut covered);
                    if leaves_prompt(sent.to_string().as_bytes()) {
                        assert_eq!(covered, sent);
                        left += 1;
                    }
                }
            }
        }
        assert!(left > 100, "{left}");
        for name in HARMLESS {
            let sent = json!([{name: "https://me:pw@host/?key=x"}, {name: [1, {name: null}]}]);
            let mut covered = sent.clone();
            prompt(&mut covered);
            assert_eq!(covered, sent);
            assert!(leaves_prompt(sent.to_string().as_bytes()));
        }
    }

    #[test]
    fn what_is_no_value_is_not_left() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for json in ["", "[", "[1]]", r#"["\ud83d"]"#, "[\"\u{1}\"]", "[1e999]", &deep] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
            assert!(!leaves_prompt(json.as_bytes()), "{json}");
        }
        assert!(!leaves_prompt(b"[\"\xFF\"]"));
        assert!(leaves_prompt(br#"["\ud83d\ude00\n\"", {"a": 18446744073709551616}]"#));
    }
}
