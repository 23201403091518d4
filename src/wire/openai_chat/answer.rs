use super::{
    choice::ChoiceState,
    chunk::{Choice, Chunk},
    usage,
};
use crate::{event::Delta, wire::json::Text};

/// More choices than can be asked for; a bound on what a stream can make us hold.
const MAX_CHOICES: usize = 1024;

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Streamed,
    Whole,
}

/// What is known of an answer while it is read, streamed or whole.
#[derive(Debug, Default)]
pub(super) struct Answer {
    has_id: bool,
    has_model: bool,
    choices: Vec<ChoiceState>,
    /// How many tool calls all of them have.
    calls: usize,
    /// An object that says so itself was the last.
    ended: bool,
}

impl Answer {
    /// Whether nothing is missing, although no end mark came.
    pub(super) fn is_complete(&self) -> bool {
        let finished =
            !self.choices.is_empty() && self.choices.iter().all(ChoiceState::is_finished);
        finished || self.ended
    }

    /// Tells what a chunk says, but for an error.
    pub(super) fn chunk(&mut self, chunk: Chunk<'_>, form: Form, each: &mut dyn FnMut(Delta<'_>)) {
        self.response(chunk.id, chunk.model, each);
        for (position, choice) in chunk.choices.into_iter().enumerate() {
            self.choice(position, choice, form, each);
        }
        let usage = chunk.usage.0.or_else(|| chunk.x_groq.0?.usage.0);
        if let Some(usage) = usage {
            usage::tell(usage, each);
        }
        self.ended |= chunk.object.as_deref() == Some("chat.completion.done");
    }

    /// Tells who answers: the first words that are not empty.
    fn response(&mut self, id: Text<'_>, model: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if self.has_id && self.has_model {
            return;
        }
        let id = id.filled().filter(|_| !self.has_id);
        let model = model.filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    fn choice(
        &mut self,
        position: usize,
        choice: Choice<'_>,
        form: Form,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Choice { index, delta, message, text, finish_reason } = choice;
        let finish = finish_reason.filled();
        let (delta, message) = (delta.0, message.0);
        if delta.is_none() && message.is_none() && text.as_deref().is_none() && finish.is_none() {
            // What Azure's content filter found, for example.
            return;
        }
        let index = index.as_u64().and_then(|index| u32::try_from(index).ok());
        let index = index.unwrap_or_else(|| u32::try_from(position).unwrap_or(u32::MAX));
        let Some((state, is_new)) = state(&mut self.choices, index) else {
            each(Delta::DecodeFault);
            return;
        };
        let calls = &mut self.calls;
        match (form, delta, message) {
            // In a whole answer the delta is the empty one.
            (Form::Whole, _, Some(message)) => state.message(*message, calls, each),
            // In a stream the message repeats the delta, or all deltas so far.
            (_, Some(delta), _) => state.message(delta, calls, each),
            (Form::Streamed, None, Some(message)) if is_new => state.message(*message, calls, each),
            (Form::Streamed, None, Some(_)) => {}
            (_, None, None) => state.text(text, each),
        }
        if let Some(reason) = finish {
            state.finish(reason, each);
        }
    }
}

/// The state of a choice, and whether it is new; none where there are too many.
fn state(choices: &mut Vec<ChoiceState>, index: u32) -> Option<(&mut ChoiceState, bool)> {
    let known = choices.iter().position(|choice| choice.index == index);
    let at = match known {
        Some(at) => at,
        None if choices.len() == MAX_CHOICES => return None,
        None => {
            // Mostly there is one; `push` would make room for four.
            choices.reserve_exact(usize::from(choices.is_empty()));
            choices.push(ChoiceState::new(index));
            choices.len() - 1
        }
    };
    Some((&mut choices[at], known.is_none()))
}
