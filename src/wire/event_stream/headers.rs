use std::collections::HashSet;

/// A value of a header of an event stream's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventStreamValue<'a> {
    /// True or false.
    Bool(bool),
    /// An integer of 8 bits.
    Byte(i8),
    /// An integer of 16 bits.
    Short(i16),
    /// An integer of 32 bits.
    Integer(i32),
    /// An integer of 64 bits.
    Long(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// A time, in milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

/// The headers of a frame: an iterator of names and values, in their order.
#[derive(Debug, Clone, Default)]
pub struct EventStreamHeaders<'a>(&'a [u8]);

impl<'a> EventStreamHeaders<'a> {
    /// Reads the headers of a frame; `None` if they are malformed or a name is repeated.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut count = 0;
        while !rest.is_empty() {
            rest = header(rest)?.1;
            count += 1;
        }
        let headers = Self(bytes);
        let names = || headers.clone().map(|(name, _)| name);
        let repeats = match count {
            0..=16 => names().enumerate().any(|(at, name)| names().take(at).any(|it| it == name)),
            _ => {
                let mut seen = HashSet::new();
                !names().all(|name| seen.insert(name))
            }
        };
        (!repeats).then_some(headers)
    }
}

impl<'a> Iterator for EventStreamHeaders<'a> {
    type Item = (&'a str, EventStreamValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (found, rest) = header(self.0)?;
        self.0 = rest;
        Some(found)
    }
}

type Read<'a, T> = Option<(T, &'a [u8])>;

/// Reads the header at the beginning of these bytes.
fn header(bytes: &[u8]) -> Read<'_, (&str, EventStreamValue<'_>)> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked((*length).into())?;
    let (kind, rest) = rest.split_first()?;
    let (value, rest) = value(*kind, rest)?;
    Some(((std::str::from_utf8(name).ok()?, value), rest))
}

fn value(kind: u8, bytes: &[u8]) -> Read<'_, EventStreamValue<'_>> {
    use EventStreamValue as Value;
    Some(match kind {
        0 | 1 => (Value::Bool(kind == 0), bytes),
        2 => number(bytes, |it| Value::Byte(i8::from_be_bytes(it)))?,
        3 => number(bytes, |it| Value::Short(i16::from_be_bytes(it)))?,
        4 => number(bytes, |it| Value::Integer(i32::from_be_bytes(it)))?,
        5 => number(bytes, |it| Value::Long(i64::from_be_bytes(it)))?,
        6 | 7 => {
            let (length, rest) = number(bytes, u16::from_be_bytes)?;
            let (bytes, rest) = rest.split_at_checked(length.into())?;
            match kind {
                6 => (Value::Bytes(bytes), rest),
                _ => (Value::Text(std::str::from_utf8(bytes).ok()?), rest),
            }
        }
        8 => number(bytes, |it| Value::Timestamp(i64::from_be_bytes(it)))?,
        9 => number(bytes, Value::Uuid)?,
        _ => return None,
    })
}

fn number<const N: usize, T>(bytes: &[u8], read: impl FnOnce([u8; N]) -> T) -> Read<'_, T> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((read(*number), rest))
}
