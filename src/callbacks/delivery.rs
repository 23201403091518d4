/// How events reach a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Called in the stream's own poll; must not block. For counters and spans.
    Inline,
    /// Handed to the handler's queue, in order; if the queue is full, the stream waits.
    Pipelined,
    /// Handled before the consumer gets the item that the event was read off.
    Lockstep,
    /// Handed to the handler's queue; nothing ever waits for the handler.
    Background,
}

impl Delivery {
    /// Whether the call's phases wait for the handler.
    pub(crate) fn is_awaited(self) -> bool {
        matches!(self, Delivery::Pipelined | Delivery::Lockstep)
    }
}

/// What happens to tokens when a handler's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The stream waits until there is room. (Background handlers drop tokens all the same: nothing
    /// waits for them.)
    Wait,
    /// The tokens are dropped, and counted in
    /// [`LlmResult::dropped_tokens`](crate::LlmResult::dropped_tokens) of the terminal event.
    DropTokens,
}
