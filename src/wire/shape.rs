use std::{borrow::Cow, ops::Range};

use crate::event::Delta;

/// The most bytes of a shape.
const MAX_LENGTH: usize = 1024;
/// The last member of the events of OpenAI and Mistral, which hides how long the text is. No protocol reads one of such
/// a name.
const PADDINGS: [&str; 2] = ["\"obfuscation\":\"", "\"p\":\""];
const PADDING_END: &str = "\"}";

/// The shape of the last event, if that emitted nothing but a text: the name, and the bytes around the text.
///
/// Most events of an answer differ from the one before in nothing but the text, and parsing JSON is most of the cost
/// of a token. What an event of the same shape emits is known without that. The shape is forgotten as soon as
/// an event is read that does not have it: what the protocol makes of an event may depend on those before.
#[derive(Debug, Default)]
pub(in crate::wire) struct Shape {
    text: Option<TextKind>,
    choice: u32,
    /// The name; the data from the beginning to the quote before the text; and from the quote behind it to that before the
    /// padding, or to the end. In one allocation, since each run has one.
    parts: String,
    name_length: u16,
    before_length: u16,
    padded: bool,
    /// The number of events since one had the shape.
    misses: u32,
}

#[derive(Debug, Clone, Copy)]
enum TextKind {
    Text,
    Reasoning,
    Refusal,
}

/// What an event emits, as far as its shape is concerned.
#[derive(Debug, Default)]
pub(in crate::wire) struct Emitted {
    deltas: usize,
    /// The kind and choice of a text, and where it is in the event.
    text: Option<(TextKind, u32, Range<usize>)>,
}

impl Emitted {
    /// Adds a delta of an event with these data.
    pub(in crate::wire) fn add(&mut self, delta: &Delta<'_>, data: &str) {
        self.deltas += 1;
        let (kind, choice, text) = match delta {
            Delta::Text { choice, text } => (TextKind::Text, choice, text),
            Delta::Reasoning { choice, text } => (TextKind::Reasoning, choice, text),
            Delta::Refusal { choice, text } => (TextKind::Refusal, choice, text),
            _ => return,
        };
        if let Cow::Borrowed(text) = text {
            self.text = place(text, data).map(|range| (kind, *choice, range));
        }
    }
}

impl Shape {
    /// Returns what an event emits if it has the shape.
    pub(in crate::wire) fn read<'a>(
        &mut self,
        name: Option<&str>,
        data: &'a str,
    ) -> Option<Delta<'a>> {
        let kind = self.text?;
        let (of_name, parts) = self.parts.split_at(self.name_length.into());
        let (before, after) = parts.split_at(self.before_length.into());
        data.strip_prefix(before)?;
        let (text, rest) = string(&data[before.len() - 1..])?;
        let rest = rest.strip_prefix(after)?;
        let ended = match self.padded {
            true => rest.trim_start_matches(is_padding) == PADDING_END,
            false => rest.is_empty(),
        };
        if !ended || text.is_empty() || name.unwrap_or_default() != of_name {
            return None;
        }
        self.misses = 0;
        let choice = self.choice;
        Some(match kind {
            TextKind::Text => Delta::Text { choice, text },
            TextKind::Reasoning => Delta::Reasoning { choice, text },
            TextKind::Refusal => Delta::Refusal { choice, text },
        })
    }

    /// Forgets the shape, since an event does not have it. Returns whether to learn that of this event: the longer no
    /// event had the shape, the less likely it is that the next one does.
    pub(in crate::wire) fn forget(&mut self) -> bool {
        self.text = None;
        self.misses = self.misses.saturating_add(1);
        self.misses.is_power_of_two() || self.misses.is_multiple_of(16)
    }

    /// Takes the shape of an event, unless it emitted anything but a text.
    pub(in crate::wire) fn learn(&mut self, name: Option<&str>, data: &str, emitted: Emitted) {
        let Emitted { deltas: 1, text: Some((kind, choice, range)) } = emitted else { return };
        let name = name.unwrap_or_default();
        let (before, after) = (&data[..range.start], &data[range.end..]);
        let padded = after.strip_suffix(PADDING_END).map(|it| it.trim_end_matches(is_padding));
        let padded = padded.filter(|it| PADDINGS.iter().any(|padding| it.ends_with(padding)));
        let after = padded.unwrap_or(after);
        let length = name.len() + before.len() + after.len();
        let lengths = [name, before].map(|part| u16::try_from(part.len()));
        let ([Ok(name_length), Ok(before_length)], ..=MAX_LENGTH) = (lengths, length) else {
            return;
        };
        (self.name_length, self.before_length) = (name_length, before_length);
        (self.text, self.choice, self.padded) = (Some(kind), choice, padded.is_some());
        self.parts.clear();
        self.parts.reserve_exact(length);
        [name, before, after].into_iter().for_each(|part| self.parts.push_str(part));
    }
}

fn is_padding(char: char) -> bool {
    char.is_ascii_alphanumeric()
}

/// Reads the JSON string at the beginning of a text. Returns it and what is behind it, from its last quote.
fn string(json: &str) -> Option<(Cow<'_, str>, &str)> {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    let end = 1 + json.as_bytes()[1..].iter().position(special)?;
    if json.as_bytes()[end] == b'"' {
        return Some((Cow::Borrowed(&json[1..end]), &json[end..]));
    }
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<String>();
    let text = values.next()?.ok()?;
    Some((Cow::Owned(text), &json[values.byte_offset() - 1..]))
}

/// Returns where a text is that borrows from an event, if it is the whole of a JSON string.
fn place(text: &str, data: &str) -> Option<Range<usize>> {
    let start = text.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let end = start.checked_add(text.len())?;
    let quoted = data.get(start.checked_sub(1)?..end.checked_add(1)?)?;
    let whole = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(text);
    whole.then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::{Delta, Emitted, Shape};

    /// The shape of an event that emits the text `Hi`, which is in it.
    fn shape(name: Option<&str>, data: &str) -> Shape {
        let at = data.find("Hi").unwrap();
        let mut emitted = Emitted::default();
        emitted.add(&Delta::Text { choice: 3, text: (&data[at..at + 2]).into() }, data);
        let mut shape = Shape::default();
        shape.learn(name, data, emitted);
        shape
    }

    #[test]
    fn another_text_is_read() {
        let mut plain = shape(None, r#"{"a":"Hi","b":null}"#);
        let mut padded = shape(None, r#"{"a":"Hi","b":null,"p":"aZ09"}"#);
        for (json, text) in
            [("x", "x"), ("über 👋", "über 👋"), ("\\n\\\"\\ud83d\\ude00", "\n\"😀")]
        {
            let expected = Some(Delta::Text { choice: 3, text: text.into() });
            let data = format!(r#"{{"a":"{json}","b":null}}"#);
            assert_eq!(plain.read(None, &data), expected);
            let data = format!(r#"{{"a":"{json}","b":null,"p":"1"}}"#);
            assert_eq!(padded.read(None, &data), expected);
        }
    }

    #[test]
    fn another_event_is_not_read() {
        let mut of_name = shape(Some("delta"), r#"{"a":"Hi","b":null}"#);
        assert!(of_name.read(Some("delta"), r#"{"a":"x","b":null}"#).is_some());
        assert!(of_name.read(None, r#"{"a":"x","b":null}"#).is_none());
        for data in [
            "",
            r#"{"a":"","b":null}"#,
            r#"{"a":"x","b":nul"#,
            r#"{"a":"x","b":1}"#,
            r#"{"b":"x","b":null}"#,
            r#"{"a":"x","b":null}}"#,
            r#"{"a":"x","c":"y","b":null}"#,
            r#"{"a":"\q","b":null}"#,
            r#"{"a":"\ud83d","b":null}"#,
            "{\"a\":\"\n\",\"b\":null}",
            r#"{"a":"x"#,
            r#"{"a":"x\"#,
        ] {
            assert_eq!(of_name.read(Some("delta"), data), None, "{data}");
        }
        let mut padded = shape(None, r#"{"a":"Hi","p":"aZ09"}"#);
        for data in [r#"{"a":"x","p":"ä"}"#, r#"{"a":"x","p":"a","a":"y"}"#, r#"{"a":"x","p":"a"#]
        {
            assert_eq!(padded.read(None, data), None, "{data}");
        }
    }

    #[test]
    fn shapes_that_no_event_has_are_learned_rarely() {
        let mut shape = shape(None, r#"{"a":"Hi"}"#);
        assert_eq!((0..1600).filter(|_| shape.forget()).count(), 4 + 100);
    }

    #[test]
    fn only_an_event_of_one_text_has_a_shape() {
        let data = r#"{"a":"Hi there"}"#;
        let (part, whole) = (&data[6..8], &data[6..14]);
        for deltas in [
            vec![],
            vec![Delta::text(part)],
            vec![Delta::text("Hi there")],
            vec![Delta::text(whole.to_owned())],
            vec![Delta::text(whole), Delta::DecodeFault],
            vec![Delta::finish(whole)],
        ] {
            let mut emitted = Emitted::default();
            deltas.iter().for_each(|delta| emitted.add(delta, data));
            let mut shape = Shape::default();
            shape.learn(None, data, emitted);
            assert_eq!(shape.read(None, data), None, "{deltas:?}");
        }
    }
}
