use super::{Adapted, ContentLimit, Mask, Masking, Only, Sampled, Sampling};
use crate::{event::ContentCapture, run::Run};

/// Adaptors for handlers, blocking and async ones alike: what a handler gets, of the same events that others get in full.
///
/// A handler behind an adaptor gets one start and one terminal event of each run that it gets, as any other. Adaptors can be
/// combined; an event comes to the last one first.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, ContentCapture, HandlerExt, on_event};
/// use tower_llm_callbacks::handler::{PersonalData, Sampling};
///
/// let print = || on_event(|run, event| println!("{}: {}", run.name(), event.kind()));
/// let callbacks = Callbacks::new()
///     .inline(print().content(ContentCapture::Off))
///     .blocking(print().mask(PersonalData::new()).sample(Sampling::share(0.01).keep_errors()))
///     .blocking(print().only(|run| run.metadata().get("tenant").is_some()));
/// # assert_eq!(callbacks.len(), 3);
/// ```
pub trait HandlerExt: Sized {
    /// Limits the content that the handler receives, as [`ContentCapture`] says, whatever other handlers receive: prompts,
    /// texts of tokens, results, tool arguments, inputs and outputs, messages of errors. Of custom events, only numbers and
    /// booleans stay if content is off.
    ///
    /// It cannot add what the layer does not capture. With a [mask](Self::mask), put the mask after a limit
    /// (`.content(limit).mask(mask)`), so that it sees texts that are not cut off.
    fn content(self, level: ContentCapture) -> Adapted<Self, ContentLimit> {
        Adapted::new(self, ContentLimit::new(level))
    }

    /// Covers parts of what the handler receives: in prompts and parameters, texts of tokens, results, tool arguments, inputs
    /// and outputs, custom events and messages of errors. Names, tags and metadata of runs stay.
    ///
    /// What is split over several tokens is covered too: the events of a run wait while the end of a text may be the beginning
    /// of something to cover, at the latest until the terminal event. The handler gets as many token events as without the
    /// mask, and their texts add up to those of the result. Of an answer with more than 1,024 events that wait, or with
    /// dropped tokens, the token events may have more covered than the result.
    ///
    /// A text that is escaped, as arguments of tools are, is covered as it reads without escapes, at any depth: of
    /// `"jos\u00e9@example.org"`, and of a JSON text in a JSON text. What stays is not changed, and a JSON text stays one.
    ///
    /// A closure such as `|text: &str| text.replace("Paris", "[city]")` is a mask: see [`Mask`].
    fn mask<M: Mask>(self, mask: M) -> Adapted<Self, Masking<M>> {
        Adapted::new(self, Masking::new(mask))
    }

    /// Passes on a sample of the runs: see [`Sampling`].
    ///
    /// Handlers that count or add up should not be sampled: register them beside this one. [`Sampled::stats`] says how many
    /// runs the sample was of.
    fn sample(self, sampling: Sampling) -> Adapted<Self, Sampled> {
        Adapted::new(self, Sampled::new(sampling))
    }

    /// Passes on the runs for which a closure returns true, such as those of a tenant. It is asked once a run.
    ///
    /// Retries and errors are events, and not runs: for these, restrict the
    /// [event mask](crate::Registration::event_mask).
    fn only<F>(self, filter: F) -> Adapted<Self, Only<F>>
    where
        F: Fn(&Run) -> bool + Send + Sync + 'static,
    {
        Adapted::new(self, Only::new(filter))
    }
}

impl<H> HandlerExt for H {}
