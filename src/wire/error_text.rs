//! The text of a response that is no JSON, as proxies and load balancers send it.

use crate::event::prefix;

/// The most bytes of a text that are kept.
const TEXT_LIMIT: usize = 512;

/// Returns the message of a page or a text; `None` if there is none that a person can read.
pub(in crate::wire) fn message(body: &str) -> Option<String> {
    let text = match body.trim_start().starts_with('<') {
        true => {
            ["title", "h1", "p", "message", "code"].iter().find_map(|tag| element(body, tag))?
        }
        false => body.to_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readable = |char: char| !char.is_control() && char != char::REPLACEMENT_CHARACTER;
    let looks_like_json = text.starts_with(['{', '[', '"']);
    let is_message = !text.is_empty() && !looks_like_json && text.chars().all(readable);
    is_message.then(|| prefix(&text, TEXT_LIMIT).to_owned())
}

/// Returns the text of the first element with a name, without case.
fn element(page: &str, name: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let opening = lower.find(&format!("<{name}>")).or_else(|| lower.find(&format!("<{name} ")))?;
    let start = opening + lower[opening..].find('>')? + 1;
    let end = start + lower[start..].find(&format!("</{name}"))?;
    let text = &page[start..end];
    (!text.trim().is_empty() && !text.contains('<')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn texts_and_titles_are_messages() {
        let page =
            "<!DOCTYPE html>\n<html><HEAD><Title>502 Bad\n Gateway</title></head><body/></html>";
        for (body, expected) in [
            ("upstream connect error\n", Some("upstream connect error")),
            (page, Some("502 Bad Gateway")),
            ("<html><h1>No</h1></html>", Some("No")),
            ("<html><title></title><h1 class=a>No</h1></html>", Some("No")),
            ("<Error><Code>Slow</Code><Message>Slow down</Message></Error>", Some("Slow down")),
            ("<html><b>No</b></html>", None),
            ("{\"truncated\":", None),
            ("\u{0}\u{1}", None),
            ("", None),
        ] {
            assert_eq!(message(body).as_deref(), expected, "{body}");
        }
        assert_eq!(message(&"é".repeat(1000)).unwrap().len(), 512);
    }
}
