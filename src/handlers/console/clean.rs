use std::borrow::Cow;

/// Replaces control characters other than line feeds and tabs: text of models, providers and clients is untrusted
/// and could control the terminal.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(is_control) {
        text.replace(is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Replaces control characters including line feeds and tabs.
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
    fn control_characters_are_replaced() {
        assert_eq!(text("a\n\tb\x1b[2J\r\u{9b}c"), "a\n\tb\u{fffd}[2J\u{fffd}\u{fffd}c");
        assert_eq!(line("a\nb\x07"), "a b\u{fffd}");
        assert!(matches!(line("plain é"), Cow::Borrowed("plain é")));
    }
}
