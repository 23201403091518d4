//! Texts that may be escaped, as JSON is, at any depth.

use std::borrow::Cow;

use crate::event::prefix;

/// More backslashes than this before a character are no escape.
const MOST_BACKSLASHES: usize = 64;
/// So are more that are codes.
const MOST_CODES: usize = 8;

/// A character of a text, as it reads without escapes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) c: char,
    /// The number of its bytes in the text.
    pub(super) length: usize,
    /// Where its letter is, if the backslash may be none of an escape, as in `C:\new`.
    letter: Option<usize>,
}

/// What a text begins with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Unit(Unit),
    /// A quote that begins or ends a string of a JSON text.
    Quote,
    /// The beginning of an escape.
    Incomplete,
    End,
}

/// Returns what a text begins with. Backslashes before an escape are of it: the text may be a JSON text in one.
pub(super) fn next(text: &str, is_json: bool, is_end: bool) -> Next {
    let Some(first) = text.chars().next() else { return Next::End };
    if first == '"' && is_json {
        return Next::Quote;
    }
    let unit = |c, length, letter| Next::Unit(Unit { c, length, letter });
    if first != '\\' {
        return unit(first, first.len_utf8(), None);
    }
    let (start, since_code) = match lead(text, is_end) {
        Lead::Escape(start, since_code) => (start, since_code),
        Lead::Text(length) => return unit('\\', length, None),
        Lead::Incomplete => return Next::Incomplete,
    };
    let backslash = unit('\\', start, None);
    let after = &text[start..];
    // In a JSON text, two backslashes are one: what follows is no escape, but may be one of a text inside.
    let is_escape = is_json && since_code % 2 == 1;
    let letter = (!is_escape).then_some(start);
    let control = |c| unit(c, start + 1, letter);
    match after.as_bytes().first() {
        None if is_end => backslash,
        None => Next::Incomplete,
        Some(b'"') if is_json && !is_escape => backslash,
        Some(b'"') => unit('"', start + 1, None),
        Some(b'/') => unit('/', start + 1, None),
        Some(b'b') => control('\u{8}'),
        Some(b'f') => control('\u{C}'),
        Some(b'n') => control('\n'),
        Some(b'r') => control('\r'),
        Some(b't') => control('\t'),
        Some(b'u') => match code(&after[1..], is_end) {
            Code::Of(c, length) => unit(c, start + 1 + length, letter),
            Code::Incomplete => Next::Incomplete,
            Code::None => backslash,
        },
        Some(_) => backslash,
    }
}

/// The backslashes before an escape.
enum Lead {
    /// The number of their bytes, and of those at the end that are no codes.
    Escape(usize, usize),
    /// So many that they are no escape.
    Text(usize),
    Incomplete,
}

/// Reads the backslashes that a text begins with. Each may be a code, as in a JSON text in one.
fn lead(text: &str, is_end: bool) -> Lead {
    const CODE: &str = "u005c";
    let mut start = 0;
    for _ in 0..MOST_CODES {
        let count = backslashes(&text[start..]);
        start += count;
        if count == MOST_BACKSLASHES {
            return Lead::Text(start);
        }
        let rest = &text.as_bytes()[start..];
        let code = &rest[..rest.len().min(CODE.len())];
        if count == 0 || !CODE.as_bytes()[..code.len()].eq_ignore_ascii_case(code) {
            return Lead::Escape(start, count);
        }
        if code.len() < CODE.len() {
            return if is_end { Lead::Escape(start, count) } else { Lead::Incomplete };
        }
        start += CODE.len();
    }
    Lead::Text(start)
}

fn backslashes(text: &str) -> usize {
    text.bytes().take(MOST_BACKSLASHES).take_while(|byte| *byte == b'\\').count()
}

/// What follows `\u`.
enum Code {
    /// A character, and its length.
    Of(char, usize),
    Incomplete,
    None,
}

fn code(text: &str, is_end: bool) -> Code {
    let first = match digits(text, is_end) {
        Ok(first) => first,
        Err(code) => return code,
    };
    let replaced = Code::Of(char::REPLACEMENT_CHARACTER, 4);
    let Some(half) = first.checked_sub(0xD800).filter(|half| *half < 0x400) else {
        return char::from_u32(first).map_or(replaced, |c| Code::Of(c, 4));
    };
    // The first half of a character.
    let rest = &text[4..];
    let start = backslashes(rest);
    let Some(second) = rest[start..].strip_prefix('u').filter(|_| start > 0) else {
        let is_open = !is_end && start == rest.len() && start < MOST_BACKSLASHES;
        return if is_open { Code::Incomplete } else { replaced };
    };
    match digits(second, is_end) {
        Ok(second @ 0xDC00..0xE000) => {
            let c = char::from_u32(0x10000 + half * 0x400 + (second - 0xDC00));
            c.map_or(replaced, |c| Code::Of(c, 4 + start + 5))
        }
        Err(Code::Incomplete) => Code::Incomplete,
        _ => replaced,
    }
}

/// Returns the number of four hexadecimal digits.
fn digits(text: &str, is_end: bool) -> Result<u32, Code> {
    let mut number = 0;
    let mut bytes = text.bytes();
    for _ in 0..4 {
        match bytes.next() {
            Some(byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(Code::None)?;
                number = number * 16 + digit;
            }
            None if is_end => return Err(Code::None),
            None => return Err(Code::Incomplete),
        }
    }
    Ok(number)
}

/// The beginning of a text as it reads without escapes, with the way back.
pub(super) struct View<'a> {
    pub(super) text: Cow<'a, str>,
    /// For each character its unit, with where it ends in `text` and where it begins in the source. Empty if there is no
    /// backslash.
    units: Vec<(usize, usize, Unit)>,
    /// Whether nothing follows: it is the end, or a quote is there.
    pub(super) is_closed: bool,
    /// Whether it is as long as it may be.
    pub(super) is_full: bool,
}

impl<'a> View<'a> {
    /// Reads at most so many bytes, unescaped.
    pub(super) fn of(source: &'a str, is_json: bool, is_end: bool, most: usize) -> Self {
        let near = prefix(source, most);
        if near.contains('\\') {
            return Self::unescaped(source, is_json, is_end, most);
        }
        let quote = prefix(source, near.len() + 1).find('"').filter(|_| is_json);
        let text = &near[..quote.unwrap_or(near.len())];
        let is_closed = quote.is_some() || is_end && near.len() == source.len();
        let is_full = text.len() == most || quote.is_none() && near.len() < source.len();
        Self { text: text.into(), units: Vec::new(), is_closed, is_full }
    }

    fn unescaped(source: &str, is_json: bool, is_end: bool, most: usize) -> Self {
        let (mut text, mut units, mut at) = (String::new(), Vec::new(), 0);
        let is_closed = loop {
            match next(&source[at..], is_json, is_end) {
                Next::Unit(unit) if text.len() + unit.c.len_utf8() > most => {
                    return Self { text: text.into(), units, is_closed: false, is_full: true };
                }
                Next::Unit(unit) => {
                    text.push(unit.c);
                    units.push((text.len(), at, unit));
                    at += unit.length;
                }
                Next::Quote => break true,
                Next::Incomplete => break false,
                Next::End => break is_end,
            }
        };
        let is_full = text.len() == most;
        Self { text: text.into(), units, is_closed, is_full }
    }

    /// Returns how long the first bytes of the view are in the source.
    pub(super) fn source(&self, bytes: usize) -> usize {
        let nth = self.units.partition_point(|(end, ..)| *end < bytes);
        self.units.get(nth).map_or(bytes, |(_, start, unit)| start + unit.length)
    }

    /// Returns where the unit ends that begins at a place in the source.
    pub(super) fn end(&self, place: usize) -> usize {
        let nth = self.units.partition_point(|(_, start, _)| *start < place);
        self.units.get(nth).map_or(place, |(_, start, unit)| start + unit.length)
    }

    /// Returns the character before a place in the source at which a unit begins.
    pub(super) fn before(&self, place: usize) -> Option<char> {
        let nth = self.units.partition_point(|(_, start, _)| *start < place);
        Some(self.units.get(nth.checked_sub(1)?)?.2.c)
    }

    /// Returns, for each escape among the first bytes that may be none, where it begins and where its letter is.
    pub(super) fn letters(&self, bytes: usize) -> impl Iterator<Item = (usize, usize)> {
        let of = |(_, start, unit): &(usize, usize, Unit)| Some((*start, start + unit.letter?));
        self.units.iter().take_while(move |(end, ..)| *end <= bytes).filter_map(of)
    }
}
