//! Dispatches tokens, the one kind of event that has to be cheap.

use std::{sync::Arc, time::SystemTime};

use super::{dispatch::Dispatch, inline};
use crate::{
    delivery::{Notify, queue::Pushed},
    event::{Content, Event, EventData, EventKind, TextBlock, Token},
    handler::EventMask,
    run::Scope,
};

/// The lanes that receive tokens, and buffers for them. Kept by the emitter, which alone dispatches tokens.
pub(crate) struct TokenLanes {
    inline: Vec<InlineLane>,
    queued: Vec<usize>,
    /// A queued handler wants the times of tokens.
    times: bool,
    /// The event that inline handlers receive.
    buffer: Event,
    /// The memory of the texts of queued tokens.
    texts: TextBlock,
}

/// A lane of an inline handler, with what its call needs.
struct InlineLane {
    index: usize,
    handler: Arc<dyn Notify>,
    scope: Scope,
}

impl TokenLanes {
    pub(crate) fn of(dispatch: &Dispatch) -> Self {
        let inline = dispatch.lanes().iter().filter(|lane| lane.slot.is_inline()).count();
        let mut to = Self {
            inline: Vec::with_capacity(inline),
            queued: Vec::with_capacity(dispatch.lanes().len() - inline),
            times: false,
            buffer: Event::token_buffer(),
            texts: TextBlock::default(),
        };
        for (index, lane) in dispatch.lanes().iter().enumerate() {
            let slot = &lane.slot;
            let run_type = dispatch.run().run_type();
            if !slot.event_mask.wants_in(EventKind::LlmNewToken, run_type) {
                continue;
            }
            if let Some(handler) = &slot.inline {
                let handler = Arc::clone(handler);
                to.inline.push(InlineLane { index, handler, scope: lane.scope() });
            } else {
                to.queued.push(index);
                to.times |= !lane.is_driven() && slot.event_mask.contains(EventMask::TOKEN_TIMES);
            }
        }
        to
    }
}

impl Dispatch {
    /// Dispatches a token, or leaves it to the dispatching thread.
    pub(crate) fn token(self: &Arc<Self>, index: u64, content: Content<'_>, to: &mut TokenLanes) {
        if !self.flag.try_set() {
            let token = Token::shared(index, content, &mut to.texts);
            self.enqueue(EventData::LlmNewToken(token));
            return;
        }
        let seq = self.next_seq();
        if !to.inline.is_empty() {
            to.buffer.set_seq(seq);
            if let Some(token) = to.buffer.buffered_token() {
                token.refill(index, &content);
            }
            for InlineLane { index, handler, scope } in &mut to.inline {
                if !self.lanes()[*index].is_detached() {
                    inline::call(&**handler, self, *index, scope, &to.buffer);
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
            if lane.is_detached() || !lane.reserve_token() {
                continue;
            }
            // The last lane gets the original.
            let is_last = nth + 1 == lanes.len();
            let Some(event) = (if is_last { event.take() } else { event.clone() }) else {
                continue;
            };
            let pushed =
                if lane.is_driven() { lane.push_to_drive(event) } else { lane.push(event) };
            if !matches!(pushed, Pushed::Nothing) {
                self.activate(index, pushed);
            }
        }
    }
}
