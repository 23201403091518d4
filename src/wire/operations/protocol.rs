use super::{answer::Answer, element::Element, part::Part};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::said,
        json::{self, ReadError},
        outputs,
        protocol::{ArrayBody, Protocol},
    },
};

/// The protocol of answers with outputs: an object or an array, or events of pictures and sound, the last of which have
/// the usage.
#[derive(Debug)]
pub(in crate::wire) struct Operation {
    /// The type of the vectors' numbers.
    element: Element,
    /// The number of outputs of a stream.
    expected: u64,
    /// What the tokens of the output are, in the details of usage.
    tokens: Option<&'static str>,
    /// The outputs so far.
    completed: u64,
    /// The outputs so far that another event follows.
    parts: u64,
    /// Whether an answer without outputs is one.
    may_be_empty: bool,
    /// Whether the outputs themselves are emitted.
    emits: bool,
}

impl Operation {
    /// Reads whole answers, whose vectors have such numbers.
    pub(in crate::wire) fn of(element: Element) -> Self {
        Self {
            element,
            expected: 1,
            tokens: None,
            completed: 0,
            parts: 0,
            may_be_empty: false,
            emits: false,
        }
    }

    /// Reads streams of so many outputs.
    pub(super) fn streamed(expected: u64, tokens: &'static str) -> Self {
        Self { expected, tokens: Some(tokens), ..Self::of(Element::default()) }
    }

    /// Reads an answer without outputs, too: a filter has removed all of them.
    pub(super) fn or_empty(self) -> Self {
        Self { may_be_empty: true, ..self }
    }

    /// Sets whether the outputs themselves are emitted.
    pub(in crate::wire) fn emits(self, emits: bool) -> Self {
        Self { emits, ..self }
    }

    /// Reads an answer. Returns whether it is over.
    fn answer(
        &mut self,
        json: &str,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<bool, ReadError> {
        let mut answer: Answer<'_> = json::read(json)?;
        let found = answer.outputs().map(Part::count);
        if (answer.error.is_some() || found.is_none())
            && let Some(error) = said(json, found.is_some_and(|count| count > 0))
        {
            each(Delta::Error(error));
            return Ok(true);
        }
        if whole && found.is_none() && !self.may_be_empty {
            return Err(ReadError::Unreadable);
        }
        if let Some(reason) = answer.refusal() {
            each(Delta::Error(ProviderError::new(reason).code("content_filter")));
            return Ok(true);
        }
        if whole {
            each(Delta::NotStreamed);
        }
        let id = std::mem::take(&mut answer.id).filled();
        let id = id.or_else(|| std::mem::take(&mut answer.request_id).filled());
        let model = std::mem::take(&mut answer.model).filled();
        if id.is_some() || model.is_some() {
            each(Delta::Response { id, model });
        }
        answer.usage(self.tokens, each);
        if let Some(outputs) = answer.outputs() {
            let dimensions = answer.dimensions(self.element);
            each(Delta::Outputs { count: outputs.count(), dimensions });
            if answer.is_without_vectors() {
                each(Delta::NotInferred);
            }
            if !outputs.flagged.is_empty() {
                each(Delta::Flagged(outputs.flagged.clone().into()));
            }
            if self.emits {
                outputs::emit(json, each);
            }
            return Ok(true);
        }
        if whole {
            each(Delta::Outputs { count: 0, dimensions: None });
            return Ok(true);
        }
        // `image_generation.completed`, `image_edit.completed`, `speech.audio.done`.
        let kind = answer.kind.as_deref().unwrap_or_default();
        // Seedream's pictures, all of which the completed event follows.
        if kind.ends_with(".partial_succeeded") {
            self.parts += 1;
            each(Delta::Outputs { count: self.parts, dimensions: None });
            if self.emits {
                outputs::emit_picture(json, each);
            }
            return Ok(false);
        }
        if self.parts > 0 && kind.ends_with(".completed") {
            return Ok(true);
        }
        if kind.ends_with(".completed") || kind.ends_with(".done") {
            self.completed += 1;
            each(Delta::Outputs { count: self.completed, dimensions: None });
            if self.emits {
                outputs::emit_picture(json, each);
            }
        }
        Ok(self.completed >= self.expected)
    }
}

impl Protocol for Operation {
    const ARRAY: ArrayBody = ArrayBody::List;

    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        if matches!(data, "" | "[DONE]") {
            // A filter may have removed some.
            if self.completed > 0 && !data.is_empty() {
                each(Delta::Done);
            }
            return Ok(());
        }
        if self.answer(data, false, each)? {
            each(Delta::Done);
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        // Some servers answer with the list alone. Google's errors are in one, too.
        let list = json.trim_ascii_start().starts_with('[');
        if list && let Some(error) = said(json, false) {
            each(Delta::Error(error));
            return Ok(());
        }
        let wrapped = list.then(|| format!("{{\"data\":{json}}}"));
        self.answer(wrapped.as_deref().unwrap_or(json), true, each)?;
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.completed >= self.expected {
            each(Delta::Done);
        }
    }
}
