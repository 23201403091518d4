use std::sync::Arc;

use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Delivery, Event, Registration, Run, on_event,
    on_event_async,
};

/// How a handler is registered and how its events are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Inline,
    Blocking(Delivery),
    Async(Delivery),
}

pub const MODES: [Mode; 7] = [
    Mode::Inline,
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Lockstep),
    Mode::Blocking(Delivery::Background),
    Mode::Async(Delivery::Pipelined),
    Mode::Async(Delivery::Lockstep),
    Mode::Async(Delivery::Background),
];

impl Mode {
    pub const ALL: [Mode; 7] = MODES;

    /// The modes that the three phases wait for, without the inline one.
    pub const AWAITED: [Mode; 4] = [
        Mode::Blocking(Delivery::Pipelined),
        Mode::Blocking(Delivery::Lockstep),
        Mode::Async(Delivery::Pipelined),
        Mode::Async(Delivery::Lockstep),
    ];

    pub const BACKGROUND: [Mode; 2] =
        [Mode::Blocking(Delivery::Background), Mode::Async(Delivery::Background)];

    pub fn handler(self, handler: impl CallbackHandler + AsyncCallbackHandler) -> Registration {
        self.deliver(match self {
            Mode::Inline => Registration::inline(handler),
            Mode::Blocking(_) => Registration::blocking(handler),
            Mode::Async(_) => Registration::async_handler(handler),
        })
    }

    /// Registers a closure for all events. An async handler yields before it calls the closure.
    pub fn closure(self, f: impl Fn(&Run, &Event) + Send + Sync + 'static) -> Registration {
        match self {
            Mode::Inline => Registration::inline(on_event(f)),
            Mode::Blocking(_) => self.deliver(Registration::blocking(on_event(f))),
            Mode::Async(_) => {
                let f = Arc::new(f);
                let handler = on_event_async(move |run, event| {
                    let f = Arc::clone(&f);
                    async move {
                        tokio::task::yield_now().await;
                        f(&run, &event);
                    }
                });
                self.deliver(Registration::async_handler(handler))
            }
        }
    }

    /// Sets the delivery of a registration.
    pub fn deliver(self, handler: Registration) -> Registration {
        match self {
            Mode::Inline => handler,
            Mode::Blocking(delivery) | Mode::Async(delivery) => match delivery {
                Delivery::Lockstep => handler.lockstep(),
                Delivery::Background => handler.background(),
                _ => handler.pipelined(),
            },
        }
    }

    pub fn is_awaited(self) -> bool {
        !matches!(self, Mode::Inline | Mode::Blocking(Delivery::Background))
            && self != Mode::Async(Delivery::Background)
    }

    pub fn is_async(self) -> bool {
        matches!(self, Mode::Async(_))
    }
}
