use std::fmt;

use anstyle::{AnsiColor, Style};

/// The styles of a line, if it is coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Styles {
    colours: bool,
}

impl Styles {
    pub(super) fn new(colours: bool) -> Self {
        Self { colours }
    }

    pub(super) fn name<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.with(Style::new().bold(), text)
    }

    pub(super) fn dim<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.with(Style::new().dimmed(), text)
    }

    pub(super) fn good<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(super) fn bad<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.with(AnsiColor::Red.on_default(), text)
    }

    fn with<T>(self, style: Style, text: T) -> Styled<T> {
        Styled { style: self.colours.then_some(style), text }
    }
}

pub(super) struct Styled<T> {
    style: Option<Style>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            Some(style) => write!(f, "{style}{}{style:#}", self.text),
            None => self.text.fmt(f),
        }
    }
}
