use super::url::without_data;

/// The longest word that is kept, whatever it is. A longer one of Base64 is a file.
const MAX_WORD: usize = 256;
/// What stands around the length of a file.
const PLACEHOLDER: [&str; 2] = ["[redacted, ", " characters]"];

/// Returns what stands for a text that is a file: a data URI, or a long word of Base64. `None` if it is no file.
pub(crate) fn without_file(text: &str) -> Option<String> {
    without_data(text).or_else(|| is_base64(text).then(|| placeholder(text)))
}

/// Whether a text stands for a file.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let is_data = || without_data(text).is_some_and(|covered| covered == text);
    let [before, after] = PLACEHOLDER;
    text.starts_with(before) && text.ends_with(after) || text.len() < MAX_WORD && is_data()
}

pub(super) fn placeholder(text: &str) -> String {
    let [before, after] = PLACEHOLDER;
    format!("{before}{}{after}", text.len())
}

pub(super) fn is_base64(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    text.len() > MAX_WORD && text.bytes().all(is_one)
}
