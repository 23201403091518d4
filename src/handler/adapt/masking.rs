use std::{collections::VecDeque, fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Adaptation, Adapter, Mask,
    adapter::{MAX_RUNS, with_ends},
    masked_text::MaskedText,
    place::Place,
    rewrite::{Rewrite, rewritten},
};
use crate::{
    event::{Event, EventData, Failure, LlmResult, LlmStart, Prompt, Token, TokenKind},
    handler::{EventMask, Open},
    run::Run,
};

/// Covers parts of what one handler receives: see [`HandlerExt::mask`](super::HandlerExt::mask).
pub struct Masking<M> {
    mask: Arc<M>,
    open: Open<Answer>,
}

/// The most events of a run that wait.
const MOST_EVENTS: usize = 1024;

/// A run's answer so far: its texts, and the events that wait for the next piece of one of them.
#[derive(Default)]
struct Answer {
    texts: Vec<Text>,
    waiting: VecDeque<Waiting>,
    /// The index of the next token, if none is missing.
    next_index: u64,
    /// Whether one was missing: it may have been of any text.
    has_gap: bool,
}

struct Text {
    place: Place,
    masked: MaskedText,
    /// The bytes that have come.
    bytes: usize,
}

struct Waiting {
    event: Event,
    /// For a token: its text so far, the number of the answer's text that it is a part of, and where it ends there.
    token: Option<(String, usize, usize)>,
}

impl<M: Mask> Masking<M> {
    pub(super) fn new(mask: M) -> Self {
        Self { mask: Arc::new(mask), open: Open::new(MAX_RUNS) }
    }

    fn text(&self, text: &str) -> String {
        MaskedText::whole(&*self.mask, text)
    }

    /// Masks a text that is shared. Keeps the allocation if there is nothing to cover.
    fn shared(&self, text: Arc<str>) -> Arc<str> {
        let masked = self.text(&text);
        if *masked == *text { text } else { masked.into() }
    }

    /// Masks a text of an answer, as its tokens are masked.
    fn answer(&self, text: &mut String, is_json: bool) {
        *text = MaskedText::new(&*self.mask, is_json).finished(&*self.mask, text);
    }
}

impl<M: Mask> Adapter for Masking<M> {
    fn event_mask(&self, wanted: EventMask) -> EventMask {
        if wanted.contains(EventMask::LLM_NEW_TOKEN) { with_ends(wanted) } else { wanted }
    }

    fn adapt(&self, run: &Run, event: &Event) -> Adaptation {
        let EventData::LlmNewToken(token) = event.data() else {
            let is_last = event.kind().is_terminal();
            let answer = self.open.remove(run);
            let data = rewritten(event.data(), self);
            let event = event.with_data(data);
            let Some(mut answer) = answer else { return Adaptation::One(event) };
            let mut events = Vec::new();
            if is_last {
                // The last tokens may be among the dropped ones: what waits is not the end of a text.
                if event.dropped_tokens() > 0 {
                    answer.gap();
                }
                answer.end(&*self.mask);
                answer.take(&mut events);
                events.push(event);
            } else {
                answer.waiting.push_back(Waiting { event, token: None });
                answer.take(&mut events);
                self.open.insert(run, answer);
            }
            return Adaptation::Several(events);
        };
        // Taken out, since a mask is user code. A handler gets one event of a run at a time.
        let mut answer = self.open.remove(run).unwrap_or_default();
        let mut events = Vec::new();
        answer.push(&*self.mask, event, token);
        answer.take(&mut events);
        self.open.insert(run, answer);
        Adaptation::Several(events)
    }
}

impl Answer {
    fn push(&mut self, mask: &dyn Mask, event: &Event, token: &Token) {
        let mut released = String::new();
        if token.index() != self.next_index {
            self.gap();
        }
        self.next_index = token.index() + 1;
        let place = Place::of(token);
        let known = self.texts.iter().position(|text| text.place == place);
        let at = known.unwrap_or_else(|| {
            let mut masked = MaskedText::new(mask, place.kind == TokenKind::ToolCall);
            // What came before is not known.
            if self.has_gap {
                masked.gap(&mut released);
            }
            self.texts.push(Text { place, masked, bytes: 0 });
            self.texts.len() - 1
        });
        let text = &mut self.texts[at];
        text.masked.push(mask, token.text(), false, &mut released);
        text.bytes += token.text().len();
        let end = text.bytes;
        // A buffer of the emitter must not wait, nor the text that is to be covered.
        let event = event.with_data(EventData::LlmNewToken(token.with_text("")));
        self.waiting.push_back(Waiting { event, token: Some((String::new(), at, end)) });
        self.release(at, &released);
        if self.waiting.len() > MOST_EVENTS {
            self.gap();
        }
    }

    /// Adds what a text releases to its first token that waits.
    fn release(&mut self, at: usize, released: &str) {
        let mut tokens = self.waiting.iter_mut().filter_map(|waiting| waiting.token.as_mut());
        if let Some((text, ..)) = tokens.find(|(_, of, _)| *of == at) {
            text.push_str(released);
        }
    }

    /// Covers what waits: a token is missing, or too many wait.
    fn gap(&mut self) {
        self.has_gap = true;
        for at in 0..self.texts.len() {
            let mut released = String::new();
            self.texts[at].masked.gap(&mut released);
            self.release(at, &released);
        }
    }

    fn end(&mut self, mask: &dyn Mask) {
        for at in 0..self.texts.len() {
            let mut released = String::new();
            self.texts[at].masked.push(mask, "", true, &mut released);
            self.release(at, &released);
        }
    }

    /// Takes the events that wait no more, in order.
    fn take(&mut self, events: &mut Vec<Event>) {
        let texts = &self.texts;
        let is_decided = |of: usize, end: usize| {
            let text: &Text = &texts[of];
            end <= text.bytes - text.masked.held().min(text.bytes)
        };
        while let Some(first) = self.waiting.front_mut() {
            let Some((text, of, end)) = &first.token else {
                events.extend(self.waiting.pop_front().map(|waiting| waiting.event));
                continue;
            };
            if !is_decided(*of, *end) {
                break;
            }
            if let EventData::LlmNewToken(token) = first.event.data() {
                let data = EventData::LlmNewToken(token.with_text(text));
                events.push(first.event.with_data(data));
            }
            // What its text releases later belongs to the next one.
            self.waiting.pop_front();
        }
    }
}

impl<M: Mask> Rewrite for Masking<M> {
    fn start(&self, mut start: LlmStart) -> LlmStart {
        start.params = members(&*self.mask, start.params);
        if start.messages.is_some() {
            let (mask, messages) = (Arc::clone(&self.mask), start.messages);
            start.messages =
                Prompt::lazy(move || value(&*mask, messages.get().cloned().unwrap_or_default()));
        }
        start
    }

    fn result(&self, mut result: LlmResult) -> LlmResult {
        for choice in &mut result.choices {
            choice.forget_layout();
            self.answer(&mut choice.text, false);
            self.answer(&mut choice.reasoning, false);
            self.answer(&mut choice.refusal, false);
            for call in &mut choice.tool_calls {
                self.answer(&mut call.arguments, true);
            }
            choice.finish_reason = choice.finish_reason.take().map(|reason| self.shared(reason));
        }
        result.usage_raw = self.value(result.usage_raw);
        result.output.iter_mut().for_each(|output| *output = value(&*self.mask, output.take()));
        result
    }

    fn failure(&self, failure: Failure) -> Failure {
        Failure {
            message: self.shared(failure.message),
            provider_code: failure.provider_code.map(|code| self.shared(code)),
            request_id: failure.request_id.map(|id| self.shared(id)),
            ..failure
        }
    }

    fn value(&self, of: Option<Value>) -> Option<Value> {
        of.map(|of| value(&*self.mask, of))
    }

    fn custom(&self, of: Value) -> Value {
        value(&*self.mask, of)
    }

    fn message(&self, message: Arc<str>) -> Arc<str> {
        self.shared(message)
    }
}

/// Masks every text of a JSON value, the names of members included. A number is a text too: that of a card may be one.
fn value(mask: &dyn Mask, of: Value) -> Value {
    match of {
        Value::String(text) => MaskedText::whole(mask, &text).into(),
        Value::Number(number) => {
            let text = number.to_string();
            let masked = MaskedText::whole(mask, &text);
            if masked == text { Value::Number(number) } else { masked.into() }
        }
        Value::Array(values) => values.into_iter().map(|of| value(mask, of)).collect(),
        Value::Object(of) => Value::Object(members(mask, of)),
        other => other,
    }
}

fn members(mask: &dyn Mask, of: Map<String, Value>) -> Map<String, Value> {
    let masked = |(name, of): (String, Value)| (MaskedText::whole(mask, &name), value(mask, of));
    of.into_iter().map(masked).collect()
}

impl<M> fmt::Debug for Masking<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").finish_non_exhaustive()
    }
}
