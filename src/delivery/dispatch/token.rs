//! Dispatches tokens, the one kind of event that has to be cheap.

use std::{sync::Arc, time::SystemTime};

use bytes_utils::Str;
use tokio::runtime::Handle;

use super::{dispatch::Dispatch, inline};
use crate::{
    delivery::{
        Notify,
        queue::{HandedOver, Pushed},
    },
    event::{Content, Event, EventData, EventKind, TextBlock, Token},
    handler::EventMask,
    run::Scope,
};

/// The lanes that receive tokens, and buffers for them. Kept by the emitter, which alone dispatches tokens.
pub(crate) struct TokenLanes {
    inline: Vec<InlineLane>,
    queued: Vec<usize>,
    /// Lanes of lockstep handlers that the stream polls itself.
    driven: Vec<usize>,
    /// A queued handler wants the times of tokens.
    times: bool,
    /// The event that inline handlers receive.
    buffer: Event,
    /// The event that lockstep handlers are handed over. `None` before the first one, and while a handler keeps it.
    handed: Option<Box<Event>>,
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
            queued: Vec::new(),
            driven: Vec::new(),
            times: false,
            buffer: Event::token_buffer(),
            handed: None,
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
            } else if lane.is_driven() {
                to.driven.push(index);
            } else {
                if to.queued.is_empty() {
                    to.queued.reserve_exact(dispatch.lanes().len() - inline);
                }
                to.queued.push(index);
                to.times |= slot.event_mask.contains(EventMask::TOKEN_TIMES);
            }
        }
        to
    }
}

impl Dispatch {
    /// Dispatches a token, or leaves it to the dispatching thread.
    pub(crate) fn token(self: &Arc<Self>, index: u64, content: &Content<'_>, to: &mut TokenLanes) {
        if !self.flag.try_set() {
            let token = Token::shared(index, content, to.texts.put(content.text));
            self.enqueue(EventData::LlmNewToken(token));
            return;
        }
        let seq = self.next_seq();
        if !to.inline.is_empty() {
            to.buffer.refill_token(seq, index, content);
            for InlineLane { index, handler, scope } in &mut to.inline {
                let lane = &self.lanes()[*index];
                if !lane.is_detached() {
                    lane.calls(EventKind::LlmNewToken);
                    inline::call(&**handler, self, *index, scope, &to.buffer);
                }
            }
        }
        if !to.queued.is_empty() {
            let time = to.times.then(SystemTime::now);
            let text = to.texts.put(content.text);
            self.push_token((seq, time), index, (content, text), &to.queued);
        }
        for nth in 0..to.driven.len() {
            self.hand_over(to.driven[nth], (seq, index), content, to);
        }
        self.release();
    }

    /// Has a lockstep handler called at once if it has nothing else to do. Else the token goes to its queue.
    fn hand_over(
        self: &Arc<Self>,
        lane_index: usize,
        (seq, index): (u64, u64),
        content: &Content<'_>,
        to: &mut TokenLanes,
    ) {
        let lane = &self.lanes()[lane_index];
        if lane.is_detached() {
            return;
        }
        if let Some(driver) = lane.driver().filter(|_| !lane.is_active()) {
            let mut event = to.handed.take().unwrap_or_else(|| Box::new(Event::token_buffer()));
            event.refill_token(seq, index, content);
            // The handler's futures belong to its runtime, whichever thread polls them.
            let _in_runtime = lane.runtime().map(Handle::enter);
            match driver.hand_over(event, lane) {
                HandedOver::Handled(event) => {
                    to.handed = Some(event);
                    return;
                }
                HandedOver::Kept => return,
                HandedOver::Refused => {}
            }
        }
        let text = to.texts.put(content.text);
        self.push_token((seq, None), index, (content, text), &[lane_index]);
    }

    /// Builds the event anew for each lane, where it is pushed: an event that is moved is copied.
    #[inline]
    fn push_token(
        self: &Arc<Self>,
        (seq, time): (u64, Option<SystemTime>),
        index: u64,
        (content, text): (&Content<'_>, Str),
        lanes: &[usize],
    ) {
        let event = |text| {
            let token = Token::shared(index, content, text);
            Event::new(seq, time, EventData::LlmNewToken(token))
        };
        let Some((&last, others)) = lanes.split_last() else { return };
        others.iter().for_each(|&lane| self.push_to(lane, || event(text.clone())));
        self.push_to(last, || event(text));
    }

    #[inline]
    fn push_to(self: &Arc<Self>, index: usize, event: impl FnOnce() -> Event) {
        let lane = &self.lanes()[index];
        if lane.is_detached() || !lane.reserve_token() {
            return;
        }
        let pushed =
            if lane.is_driven() { lane.push_to_drive(event()) } else { lane.push(event()) };
        if !matches!(pushed, Pushed::Nothing) {
            self.activate(index, pushed);
        }
    }
}
