use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{
    Adaptation, Adapter,
    adapter::{MAX_RUNS, with_ends},
    place::Place,
    rewrite::{Rewrite, rewritten},
};
use crate::{
    event::{
        ContentCapture, Event, EventData, EventKind, Failure, LlmResult, LlmStart, Token, prefix,
    },
    handler::{EventMask, Open},
    run::Run,
};

/// Limits the content that one handler receives: see [`HandlerExt::content`](super::HandlerExt::content).
pub struct ContentLimit {
    level: ContentCapture,
    /// How much each text may still have, of the runs that are in flight.
    room: Open<Vec<(Place, usize)>>,
}

impl ContentLimit {
    pub(super) fn new(level: ContentCapture) -> Self {
        Self { level, room: Open::new(MAX_RUNS) }
    }

    /// Returns what the handler gets of a token's text.
    fn token(&self, run: &Run, token: &Token) -> Token {
        let ContentCapture::Limited(limit) = self.level else { return token.with_text("") };
        let place = Place::of(token);
        let take = |rooms: &mut Vec<(Place, usize)>| {
            let known = rooms.iter().position(|(other, _)| *other == place);
            let known = known.unwrap_or_else(|| {
                rooms.push((place, limit));
                rooms.len() - 1
            });
            let room = &mut rooms[known].1;
            let text = prefix(token.text(), *room);
            // Nothing follows a gap.
            *room = if text.len() < token.text().len() { 0 } else { *room - text.len() };
            token.with_text(text)
        };
        if let Some(token) = self.room.with(run.run_id(), take) {
            return token;
        }
        let mut rooms = Vec::new();
        let token = take(&mut rooms);
        self.room.insert(run, rooms);
        token
    }
}

impl Adapter for ContentLimit {
    fn event_mask(&self, wanted: EventMask) -> EventMask {
        match self.level {
            ContentCapture::Limited(_) => with_ends(wanted),
            _ => wanted,
        }
    }

    fn adapt(&self, run: &Run, event: &Event) -> Adaptation {
        if self.level == ContentCapture::Full {
            return Adaptation::Same;
        }
        let data = match event.data() {
            EventData::LlmNewToken(token) => EventData::LlmNewToken(self.token(run, token)),
            data => rewritten(data, self),
        };
        if event.kind() != EventKind::LlmNewToken && event.kind().is_terminal() {
            self.room.remove(run);
        }
        Adaptation::One(event.with_data(data))
    }
}

impl Rewrite for ContentLimit {
    fn start(&self, start: LlmStart) -> LlmStart {
        self.level.start(start)
    }

    fn result(&self, result: LlmResult) -> LlmResult {
        let mut result = self.level.result(result);
        let cut = |text: &mut String| text.truncate(prefix(text, self.level.limit()).len());
        for choice in &mut result.choices {
            choice.forget_layout();
            [&mut choice.text, &mut choice.reasoning, &mut choice.refusal]
                .into_iter()
                .for_each(cut);
            choice.tool_calls.iter_mut().for_each(|call| cut(&mut call.arguments));
        }
        result
    }

    fn failure(&self, failure: Failure) -> Failure {
        self.level.failure(failure)
    }

    fn value(&self, value: Option<Value>) -> Option<Value> {
        self.level.value(value)
    }

    fn custom(&self, value: Value) -> Value {
        match value {
            // The name of the event says what it is; a number or a yes is no text.
            Value::Number(_) | Value::Bool(_) => value,
            value => self.value(Some(value)).unwrap_or_default(),
        }
    }

    fn message(&self, message: Arc<str>) -> Arc<str> {
        self.level.error(message, "the message is not captured".into())
    }
}

impl fmt::Debug for ContentLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContentLimit").field(&self.level).finish()
    }
}
