//! Telling tokens: the one event that has to be cheap.

use std::{sync::Arc, time::SystemTime};

use super::Dispatch;
use crate::{
    callbacks::{inline, lane::Pushed, registration::Code},
    event::{Content, Event, EventData, EventKind, TextBlock, Token},
    handler::{CallbackHandler, EventMask},
    run::Context,
};

/// The lanes that tokens go to, and what it takes to tell one: kept by the emitter, which alone tells
/// tokens.
pub(crate) struct TokenLanes {
    inline: Vec<InlineLane>,
    queued: Vec<usize>,
    /// One of the queued ones asks when a token came.
    times: bool,
    /// What inline handlers see.
    buffer: Event,
    /// Where the texts of queued tokens are.
    texts: TextBlock,
}

/// A lane to an inline handler, with what a call of it needs.
struct InlineLane {
    index: usize,
    handler: Arc<dyn CallbackHandler>,
    context: Context,
}

impl TokenLanes {
    pub(crate) fn of(dispatch: &Dispatch) -> Self {
        let inline = dispatch.lanes().iter().filter(|lane| lane.cell.is_inline()).count();
        let mut to = Self {
            inline: Vec::with_capacity(inline),
            queued: Vec::with_capacity(dispatch.lanes.len() - inline),
            times: false,
            buffer: Event::token_buffer(),
            texts: TextBlock::default(),
        };
        for (index, lane) in dispatch.lanes().iter().enumerate() {
            if !lane.cell.interests.contains(EventKind::LlmNewToken) {
                continue;
            }
            if let (true, Code::Blocking(handler)) = (lane.cell.is_inline(), &lane.cell.code) {
                let handler = Arc::clone(handler);
                to.inline.push(InlineLane { index, handler, context: lane.context() });
            } else {
                to.queued.push(index);
                to.times |= lane.driver().is_none()
                    && lane.cell.interests.intersects(EventMask::TOKEN_TIMES);
            }
        }
        to
    }
}

impl Dispatch {
    /// Tells a token, or leaves it to the thread that is telling an event.
    pub(crate) fn token(self: &Arc<Self>, index: u64, content: Content<'_>, to: &mut TokenLanes) {
        if !self.role.try_take() {
            let token = Token::shared(index, content, &mut to.texts);
            self.post(EventData::LlmNewToken(token));
            return;
        }
        let seq = self.next_seq();
        if !to.inline.is_empty() {
            to.buffer.set_seq(seq);
            if let Some(token) = to.buffer.buffered_token() {
                token.refill(index, &content);
            }
            for InlineLane { index, handler, context } in &mut to.inline {
                if !self.lanes()[*index].is_dead() {
                    inline::call_handler(&**handler, self, *index, context, &to.buffer);
                }
            }
        }
        if !to.queued.is_empty() {
            let time = to.times.then(SystemTime::now);
            let token = EventData::LlmNewToken(Token::shared(index, content, &mut to.texts));
            self.push_token(Event::new(seq, time, token), &to.queued);
        }
        self.release();
    }

    fn push_token(self: &Arc<Self>, event: Event, lanes: &[usize]) {
        let mut event = Some(event);
        for (nth, &index) in lanes.iter().enumerate() {
            let lane = &self.lanes()[index];
            if lane.is_dead() || !lane.reserve_token() {
                continue;
            }
            // The last one gets the original.
            let is_last = nth + 1 == lanes.len();
            let Some(event) = (if is_last { event.take() } else { event.clone() }) else {
                continue;
            };
            let pushed =
                if lane.driver().is_some() { lane.push_to_drive(event) } else { lane.push(event) };
            if !matches!(pushed, Pushed::Nothing) {
                self.follow_up(index, pushed);
            }
        }
    }
}
