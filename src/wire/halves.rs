//! Characters that a server has split over two events: each has one half of a pair of surrogates.

/// An event is held back if a string in it ends with the first half of a pair, until the next one brings the other half, or
/// does not.
#[derive(Debug, Default)]
pub(in crate::wire) struct Halves(Option<Held>);

#[derive(Debug)]
pub(in crate::wire) struct Held {
    pub(in crate::wire) name: Option<String>,
    pub(in crate::wire) data: String,
}

/// The length of an escape: `\ud83d`.
const ESCAPE: usize = 6;
/// The most members with the same half that are joined all.
const MOST_REPEATED: usize = 32;

impl Halves {
    pub(in crate::wire) fn take(&mut self) -> Option<Held> {
        self.0.take()
    }

    /// Holds an event back if it ends with a half. Returns whether it does.
    pub(in crate::wire) fn hold(&mut self, name: Option<&str>, data: &str) -> bool {
        let holds = memchr::memchr(b'\\', data.as_bytes()).is_some() && first(data, 0).is_some();
        if holds {
            self.0 = Some(Held { name: name.map(Into::into), data: data.into() });
        }
        holds
    }
}

impl Held {
    /// Takes the other half from the next event. Returns the rest of that, if it has one.
    ///
    /// Of several halves only the last one and the first one meet: others would make a character that nobody wrote. Those of
    /// a repeated member all meet.
    pub(in crate::wire) fn join(&mut self, next: &str) -> Option<String> {
        let (firsts, seconds) = (all(&self.data, first), all(next, second));
        let unit = |at: &usize| self.data[*at..at + ESCAPE].to_ascii_lowercase();
        // Members repeat within members that repeat. Each half is an insertion: many would take long.
        let repeats = firsts.len().max(seconds.len()) <= MOST_REPEATED
            && firsts.iter().all(|at| unit(at) == unit(&firsts[0]))
            && second(&self.data, 0).is_none()
            && seconds.iter().all(|at| {
                next[*at..at + ESCAPE].eq_ignore_ascii_case(&next[seconds[0]..][..ESCAPE])
            });
        let (first_at, second_at) = (firsts.last()?, *seconds.first()?);
        let half = &next[second_at..second_at + ESCAPE];
        let mut rest = next.to_owned();
        if repeats {
            firsts.iter().rev().for_each(|at| self.data.insert_str(at + ESCAPE, half));
            seconds.iter().rev().for_each(|at| rest.replace_range(*at..at + ESCAPE, ""));
        } else {
            self.data.insert_str(first_at + ESCAPE, half);
            rest.replace_range(second_at..second_at + ESCAPE, "");
        }
        Some(rest)
    }
}

/// Returns all places of halves.
fn all(data: &str, next: fn(&str, usize) -> Option<usize>) -> Vec<usize> {
    std::iter::successors(next(data, 0), |at| next(data, at + ESCAPE)).collect()
}

/// Returns where a first half is that ends a string.
fn first(data: &str, from: usize) -> Option<usize> {
    find(data, from, |at| {
        is_half(data, at, b"89abAB") && data.as_bytes().get(at + ESCAPE) == Some(&b'"')
    })
}

/// Returns where a second half is that begins a string.
fn second(data: &str, from: usize) -> Option<usize> {
    find(data, from, |at| {
        let begins = |quote: usize| data.as_bytes()[quote] == b'"' && !is_escaped(data, quote);
        is_half(data, at, b"cdefCDEF") && at.checked_sub(1).is_some_and(begins)
    })
}

/// Returns where the escape of a surrogate begins that is wanted.
fn find(data: &str, from: usize, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let mut found = memchr::memmem::find_iter(&data.as_bytes()[from..], "\\u").map(|at| from + at);
    found.find(|at| !is_escaped(data, *at) && is_wanted(*at))
}

/// Whether the escape at an index is that of a surrogate whose second digit is one of these.
fn is_half(data: &str, at: usize, digits: &[u8]) -> bool {
    let escape = data.as_bytes().get(at + 2..at + ESCAPE);
    escape.is_some_and(|hex| {
        matches!(hex[0], b'd' | b'D')
            && digits.contains(&hex[1])
            && hex.iter().all(u8::is_ascii_hexdigit)
    })
}

/// Whether a backslash that is no text is before an index.
fn is_escaped(data: &str, at: usize) -> bool {
    let before = data.as_bytes()[..at].iter().rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}
