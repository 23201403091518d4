use super::{
    Mask, MaskStep, MaskWindow,
    found::{Found, of_word},
    numbers::{card, iban, phone},
};
use crate::redact::KEYS;

/// A mask of e-mail addresses, phone numbers, card numbers (by their Luhn digit), IBANs (by their checksum) and API keys (by
/// their beginnings, such as `sk-`). They become `[EMAIL]`, `[PHONE]`, `[CARD]`, `[IBAN]` and `[KEY]`.
///
/// Phone numbers are those that begin with `+` or 0, and those in groups of 3, 3 and 4 digits. What looks like one of these may
/// be another thing. A name or a postal address is not recognised, nor is a private key in PEM, nor an e-mail address with a
/// name or a domain in a script without spaces between words.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, HandlerExt, handler::PersonalData, on_llm_new_token};
///
/// let print = on_llm_new_token(|_run, token| print!("{}", token.text()));
/// let callbacks = Callbacks::new().blocking(print.mask(PersonalData::new()));
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PersonalData;

impl PersonalData {
    /// Creates the mask.
    pub fn new() -> Self {
        Self
    }
}

impl Mask for PersonalData {
    fn step(&self, window: MaskWindow<'_>) -> MaskStep {
        let MaskWindow { text, mut before, is_end } = window;
        for (at, c) in text.char_indices() {
            let (found, mark) = find(&text[at..], c, before, is_end);
            match found {
                Found::No => {}
                Found::Yes(bytes) if at == 0 => return MaskStep::Cover(bytes, mark.into()),
                Found::Maybe if at == 0 => return MaskStep::Wait,
                _ => return MaskStep::Pass(at),
            }
            before = Some(c);
        }
        MaskStep::Pass(text.len())
    }
}

/// Looks for something that begins here. Decided only when every kind is, so that cuts make no difference.
fn find(text: &str, first: char, before: Option<char>, is_end: bool) -> (Found, &'static str) {
    let follows_word = before.is_some_and(of_word);
    let follows_digit = before.is_some_and(|c| c.is_ascii_digit());
    let mut best = (Found::No, "");
    let mut see = |found: Found, mark| {
        if found > best.0 {
            best = (found, mark);
        }
    };
    if of_local(first) && !before.is_some_and(of_local) {
        see(email(text, is_end), "[EMAIL]");
    }
    if first.is_ascii_alphabetic() && !follows_word {
        see(key(text, is_end), "[KEY]");
        see(iban(text, is_end), "[IBAN]");
    }
    if first.is_ascii_digit() && !follows_digit {
        see(card(text, is_end), "[CARD]");
    }
    if (first.is_ascii_digit() || matches!(first, '+' | '(')) && !follows_word {
        see(phone(text, is_end), "[PHONE]");
    }
    best
}

fn of_local(c: char) -> bool {
    of_word(c) || matches!(c, '.' | '_' | '%' | '+' | '-')
}

fn run_of(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

/// The longest part before the @: twice what is valid.
const LONGEST_LOCAL: usize = 128;
const ESCAPED_AT: &str = "%40";

fn email(text: &str, is_end: bool) -> Found {
    let run = run_of(text, of_local);
    let is_open = run == text.len() && !is_end;
    // In an URL, the @ may be escaped.
    let escaped = text[..run].find(ESCAPED_AT).filter(|_| !text[run..].starts_with('@'));
    let (local, at) = escaped.map_or((run, "@"), |local| (local, ESCAPED_AT));
    // The @ may be cut here.
    if local > LONGEST_LOCAL + ESCAPED_AT.len() - 1 {
        return Found::No;
    }
    let domain = text[local..].strip_prefix(at).filter(|_| !is_open);
    let Some(domain) = domain else { return Found::maybe(is_open) };
    let length = run_of(domain, |c| of_word(c) || matches!(c, '.' | '-'));
    if length == domain.len() && !is_end {
        return Found::Maybe;
    }
    // What follows the domain may be a number, or the end of the sentence.
    let mut domain = &domain[..length];
    loop {
        let Some((labels, last)) = domain.rsplit_once('.') else { return Found::No };
        let is_top = last.chars().count() >= 2 && last.chars().any(char::is_alphabetic);
        if is_top && labels.chars().any(of_word) {
            return Found::Yes(local + at.len() + domain.trim_end_matches('-').len());
        }
        domain = labels;
    }
}

/// Further beginnings of keys, each with the number of characters that follow at least.
const LONG_KEYS: [(&str, usize); 31] = [
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("pk_live_", 8),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("ghu_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("hf_", 16),
    ("npm_", 16),
    ("pypi-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("nvapi-", 16),
    ("r8_", 16),
    ("tvly-", 12),
    ("SG.", 20),
    ("dop_v1_", 16),
    ("shpat_", 16),
    ("lsv2_", 16),
    ("pk-lf-", 8),
    ("whsec_", 12),
    ("eyJ", 20),
    ("AQ.", 20),
];

/// A shorter one may be a word.
const SHORTEST: usize = 6;

fn key(text: &str, is_end: bool) -> Found {
    let keys = KEYS.iter().map(|start| (*start, SHORTEST)).chain(LONG_KEYS);
    let mut found = Found::No;
    for (start, shortest) in keys {
        let Some(rest) = text.strip_prefix(start) else {
            found = found.max(Found::maybe(!is_end && start.starts_with(text)));
            continue;
        };
        let length = run_of(rest, |c| c.is_ascii_alphanumeric() || "-_.*~+/=".contains(c));
        if length == rest.len() && !is_end {
            return Found::Maybe;
        }
        let length = rest[..length].trim_end_matches('.').len();
        if length >= shortest {
            found = found.max(Found::Yes(start.len() + length));
        }
    }
    found
}
