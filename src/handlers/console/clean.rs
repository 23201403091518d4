use std::borrow::Cow;

/// A text without characters that a terminal obeys, but for line feeds and tabs: what models, providers and
/// clients say may hold any.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(bad) { text.replace(bad, "\u{fffd}").into() } else { text.into() }
}

/// The same, on one line.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(['\n', '\t'], " ").replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_replaced() {
        assert_eq!(text("a\n\tb\x1b[2J\r\u{9b}c"), "a\n\tb\u{fffd}[2J\u{fffd}\u{fffd}c");
        assert_eq!(line("a\nb\x07"), "a b\u{fffd}");
        assert!(matches!(line("plain é"), Cow::Borrowed("plain é")));
    }
}
