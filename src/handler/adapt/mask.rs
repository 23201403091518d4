use std::borrow::Cow;

/// Covers parts of texts: see [`HandlerExt::mask`](super::HandlerExt::mask).
///
/// [`PersonalData`](super::PersonalData) is a ready one. A closure from a text to the text that is covered is a mask too:
/// it gets whole texts, so that the texts of tokens wait for the end of the answer. It gets a text with escapes twice: as it is
/// written, and without them.
///
/// Another mask gets texts without the escapes of JSON. If it covers nothing of a text, the text stays as it is written.
///
/// A mask of your own looks at the beginning of a text of which more may follow. Its decisions must not depend on how the
/// text is cut: what it says of a beginning must be right however the text continues. This one covers a word:
///
/// ```
/// use tower_llm_callbacks::handler::{Mask, MaskStep, MaskWindow};
///
/// struct Word(&'static str);
///
/// impl Mask for Word {
///     fn step(&self, window: MaskWindow<'_>) -> MaskStep {
///         let MaskWindow { text, is_end, .. } = window;
///         if let Some(at) = text.find(self.0) {
///             return match at {
///                 0 => MaskStep::Cover(self.0.len(), "[word]".into()),
///                 at => MaskStep::Pass(at),
///             };
///         }
///         // The end of the text may be the beginning of the word.
///         let begins = |(at, _): &(usize, char)| !is_end && self.0.starts_with(&text[*at..]);
///         match text.char_indices().find(begins) {
///             Some((0, _)) => MaskStep::Wait,
///             Some((at, _)) => MaskStep::Pass(at),
///             None => MaskStep::Pass(text.len()),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a mask of texts",
    note = "implement `Mask` for it, or use `PersonalData`, or a closure that takes a `&str` and returns a `String`"
)]
pub trait Mask: Send + Sync + 'static {
    /// Returns what becomes of the beginning of a text that is not empty. It is called again for what follows.
    fn step(&self, window: MaskWindow<'_>) -> MaskStep;

    /// Returns whether the mask can only decide about whole texts. Then the texts of tokens wait for the end of the answer,
    /// and a text of an answer beyond 1 MiB is covered. Other masks may wait for at most 512 bytes.
    fn takes_whole_texts(&self) -> bool {
        false
    }
}

/// What a [`Mask`] looks at.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MaskWindow<'a> {
    /// The text whose beginning is to be decided.
    pub text: &'a str,
    /// The character before it.
    pub before: Option<char>,
    /// Whether nothing follows the text.
    pub is_end: bool,
}

impl<'a> MaskWindow<'a> {
    /// Creates a window, as a test of a mask needs it.
    pub fn new(text: &'a str, before: Option<char>, is_end: bool) -> Self {
        Self { text, before, is_end }
    }
}

/// What becomes of the beginning of a text: see [`Mask::step`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaskStep {
    /// So many bytes stay as they are.
    Pass(usize),
    /// So many bytes are replaced by this text.
    Cover(usize, Cow<'static, str>),
    /// The beginning may be that of a text to cover: more must follow first. At the end of a text, or where a mask waits
    /// for too much, the text is covered.
    Wait,
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&str) -> String + Send + Sync + 'static> Mask for F {
    fn step(&self, window: MaskWindow<'_>) -> MaskStep {
        match window.is_end {
            true => MaskStep::Cover(window.text.len(), self(window.text).into()),
            false => MaskStep::Wait,
        }
    }

    fn takes_whole_texts(&self) -> bool {
        true
    }
}
