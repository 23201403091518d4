//! Card numbers, phone numbers and IBANs.

use super::found::{Found, of_word};

/// The most digits of a card number, and of a phone number with its prefixes.
const MOST_DIGITS: usize = 19;

/// The most characters between groups: ` / `.
const WIDEST_GAP: usize = 3;

/// A group of digits of a number.
struct Group {
    /// The number of its digits.
    digits: usize,
    /// Where it ends.
    end: usize,
}

/// The groups of digits that a text begins with, and whether more may follow.
fn groups(text: &str, is_end: bool) -> (Vec<Group>, bool) {
    let mut groups: Vec<Group> = Vec::new();
    let (mut total, mut gap) = (0, 0);
    let mut is_open = !is_end;
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            total += 1;
            match groups.last_mut().filter(|_| gap == 0) {
                Some(group) => (group.digits, group.end) = (group.digits + 1, at + 1),
                None => groups.push(Group { digits: 1, end: at + 1 }),
            }
            gap = 0;
        } else if matches!(
            c,
            ' ' | '\u{A0}' | '\u{202F}' | '.' | '-' | '\u{2011}' | '/' | '(' | ')'
        ) || (c == '+' && at == 0)
            || (c == '+' && text.starts_with('(') && at == 1)
        {
            gap += usize::from(at > 0);
        } else {
            // A group that is part of a word is none.
            if gap == 0 && of_word(c) {
                groups.pop();
            }
            is_open = false;
            break;
        }
        // A group that is cut off here is none either.
        if total > MOST_DIGITS || gap > WIDEST_GAP {
            if gap == 0 {
                groups.pop();
            }
            is_open = false;
            break;
        }
    }
    (groups, is_open)
}

/// Returns the longest number of whole groups that passes.
fn longest(groups: &[Group], passes: impl Fn(usize, usize) -> bool) -> Found {
    let mut digits = 0;
    let mut found = Found::No;
    for (nth, group) in groups.iter().enumerate() {
        digits += group.digits;
        if passes(nth + 1, digits) {
            found = Found::Yes(group.end);
        }
    }
    found
}

pub(super) fn card(text: &str, is_end: bool) -> Found {
    // Beginnings of cards. Times in milliseconds begin with 1.
    if !text.starts_with(['2', '3', '4', '5', '6']) {
        return Found::No;
    }
    let (groups, is_open) = groups(text, is_end);
    if is_open {
        return Found::Maybe;
    }
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).take(MOST_DIGITS).collect();
    // Cards are written in groups. A list of small numbers is none.
    let in_groups = |count: usize| groups[..count].iter().all(|group| group.digits > 2);
    longest(&groups, |count, n| {
        (13..=MOST_DIGITS).contains(&n) && in_groups(count) && luhn(&digits[..n])
    })
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let value = |(nth, digit): (usize, &u32)| if nth % 2 == 1 { doubled(*digit) } else { *digit };
    digits.iter().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}

pub(super) fn phone(text: &str, is_end: bool) -> Found {
    let (groups, is_open) = groups(text, is_end);
    if is_open {
        return Found::Maybe;
    }
    let number = text.trim_start_matches('(');
    let starts = |start: &str| number.starts_with(start);
    // A decimal fraction is no number to call.
    let is_fraction = starts("0.");
    let sizes: Vec<usize> = groups.iter().map(|group| group.digits).collect();
    let in_groups = |sizes: &[usize]| {
        matches!(sizes, [3, 3, 4] | [1, 3, 3, 4] | [5, 5])
            && (sizes.len() > 2 || text.starts_with(['6', '7', '8', '9']))
    };
    longest(&groups, |count, digits| {
        (starts("+") && (8..=15).contains(&digits))
            || (starts("00") && (10..=17).contains(&digits))
            || (starts("0") && !is_fraction && (9..=13).contains(&digits))
            || in_groups(&sizes[..count])
    })
}

/// The length of an IBAN.
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

pub(super) fn iban(text: &str, is_end: bool) -> Found {
    let mut number = String::new();
    let (mut found, mut after_gap) = (Found::No, false);
    let ends_group = |end: usize| !text[end..].starts_with(of_word);
    for (at, c) in text.char_indices() {
        let fits = match number.len() {
            0 | 1 => c.is_ascii_alphabetic(),
            2 | 3 => c.is_ascii_digit(),
            _ => c.is_ascii_alphanumeric(),
        };
        if fits && number.len() < *IBAN.end() {
            number.push(c.to_ascii_uppercase());
            after_gap = false;
            if IBAN.contains(&number.len()) && ends_group(at + 1) && is_iban(&number) {
                found = Found::Yes(at + 1);
            }
        } else if matches!(c, ' ' | '\u{A0}' | '-') && number.len() >= 4 && !after_gap {
            after_gap = true;
        } else {
            return found;
        }
    }
    // The end of a window is no end of a group.
    if is_end { found } else { Found::Maybe }
}

/// The remainder by 97 of the number that begins with the fifth character, where A is 10.
fn is_iban(number: &str) -> bool {
    let turned = number[4..].chars().chain(number[..4].chars());
    let remainder = turned
        .filter_map(|c| c.to_digit(36))
        .fold(0, |sum, digit| (if digit > 9 { sum * 100 + digit } else { sum * 10 + digit }) % 97);
    remainder == 1
}
