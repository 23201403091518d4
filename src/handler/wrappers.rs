//! `Arc<H>`, `Box<H>` and `Option<H>` are handlers too. They forward every method, so that overrides are called.

use std::{borrow::Cow, future::Future, sync::Arc};

use tower::BoxError;

use super::{AsyncCallbackHandler, BatchError, BatchEvent, CallbackHandler, EventMask};
use crate::{
    event::*,
    run::{Identity, Run, with_run_types},
};

/// Forwards the methods that are called for events, with a macro that calls one.
macro_rules! forward {
    ([$call:ident]
        $($variant:ident $mask:ident $name:literal $noun:literal: $start:ident($starts:ident $input:ident)
        $end:ident($ends:ident $output:ident) $error:ident($fails:ident);)*
    ) => {
        $call!(try_on_event(run: &Run, event: &Event) -> Result<(), BoxError>, Ok(()));
        $call!(on_events(batch: &[BatchEvent<'_>]) -> Result<(), BatchError>, Ok(()));
        forward!($call: on_llm_start: LlmStart, on_llm_new_token: Token, on_llm_end: LlmResult,
            on_llm_error: RunError, on_retry: Retry, on_custom_event: CustomEvent, on_event: Event,
            $($start: $input, $end: $output, $error: RunError,)*
        );
    };
    ($call:ident: $($method:ident: $payload:ty,)*) => {
        $($call!($method(run: &Run, payload: &$payload) -> (), ());)*
    };
}

macro_rules! blocking {
    ($method:ident($($name:ident: $type:ty),*) -> $output:ty, $default:expr) => {
        fn $method(&self, $($name: $type),*) -> $output {
            (**self).$method($($name),*)
        }
    };
}

// Without a future of its own, which every event would pay for.
macro_rules! asynchronous {
    ($method:ident($($name:ident: $type:ty),*) -> $output:ty, $default:expr) => {
        fn $method(&self, $($name: $type),*) -> impl Future<Output = $output> + Send {
            (**self).$method($($name),*)
        }
    };
}

macro_rules! optional_blocking {
    ($method:ident($($name:ident: $type:ty),*) -> $output:ty, $default:expr) => {
        fn $method(&self, $($name: $type),*) -> $output {
            self.as_ref().map_or($default, |handler| handler.$method($($name),*))
        }
    };
}

macro_rules! optional_asynchronous {
    ($method:ident($($name:ident: $type:ty),*) -> $output:ty, $default:expr) => {
        async fn $method(&self, $($name: $type),*) -> $output {
            match self {
                Some(handler) => handler.$method($($name),*).await,
                None => $default,
            }
        }
    };
}

macro_rules! implement {
    ($trait:ident, $direct:ident, $optional:ident $(, $($unsized:tt)+)?) => {
        impl<H: $trait $($($unsized)+)?> $trait for Arc<H> {
            fn event_mask(&self) -> EventMask {
                (**self).event_mask()
            }

            fn identity(&self) -> Option<Identity> {
                Some((**self).identity().unwrap_or_else(|| Identity::of(self)))
            }

            fn name(&self) -> Cow<'static, str> {
                (**self).name()
            }

            with_run_types!(forward, $direct);
        }

        impl<H: $trait $($($unsized)+)?> $trait for Box<H> {
            fn event_mask(&self) -> EventMask {
                (**self).event_mask()
            }

            fn identity(&self) -> Option<Identity> {
                (**self).identity()
            }

            fn name(&self) -> Cow<'static, str> {
                (**self).name()
            }

            with_run_types!(forward, $direct);
        }

        /// `None` wants no events.
        impl<H: $trait> $trait for Option<H> {
            fn event_mask(&self) -> EventMask {
                self.as_ref().map_or(EventMask::NONE, H::event_mask)
            }

            fn identity(&self) -> Option<Identity> {
                self.as_ref().and_then(H::identity)
            }

            fn name(&self) -> Cow<'static, str> {
                self.as_ref().map_or("none".into(), H::name)
            }

            with_run_types!(forward, $optional);
        }
    };
}

implement!(CallbackHandler, blocking, optional_blocking, + ?Sized);
implement!(AsyncCallbackHandler, asynchronous, optional_asynchronous);
