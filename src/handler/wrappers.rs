//! `Arc<H>`, `Box<H>` and `Option<H>` are handlers too. They forward every method, so that overrides are called.

use std::{borrow::Cow, future::Future, sync::Arc};

use tower::BoxError;

use super::{AsyncCallbackHandler, BatchError, BatchEvent, CallbackHandler, EventMask};
use crate::{
    event::*,
    run::{Identity, Run, with_run_types},
};

/// Forwards the methods that are called for events.
macro_rules! forward {
    ([$trait:ident |$this:ident| $target:expr]
        $($variant:ident $mask:ident $name:literal $noun:literal: $start:ident($starts:ident $input:ident)
        $end:ident($ends:ident $output:ident) $error:ident($fails:ident);)*
    ) => {
        forward!(@$trait |$this| $target;
            on_llm_start: LlmStart, on_llm_new_token: Token, on_llm_end: LlmResult,
            on_llm_error: RunError, on_retry: Retry, on_custom_event: CustomEvent, on_event: Event,
            $($start: $input, $end: $output, $error: RunError,)*
        );
    };
    (@blocking |$this:ident| $target:expr; $($method:ident: $payload:ty,)*) => {
        fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
            let $this = self;
            $target.map_or(Ok(()), |target| target.try_on_event(run, event))
        }

        fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
            let $this = self;
            $target.map_or(Ok(()), |target| target.on_events(batch))
        }

        $(fn $method(&self, run: &Run, payload: &$payload) {
            let $this = self;
            if let Some(target) = $target {
                target.$method(run, payload);
            }
        })*
    };
    (@asynchronous |$this:ident| $target:expr; $($method:ident: $payload:ty,)*) => {
        fn try_on_event(
            &self,
            run: &Run,
            event: &Event,
        ) -> impl Future<Output = Result<(), BoxError>> + Send {
            let $this = self;
            async move {
                match $target {
                    Some(target) => target.try_on_event(run, event).await,
                    None => Ok(()),
                }
            }
        }

        fn on_events(
            &self,
            batch: &[BatchEvent<'_>],
        ) -> impl Future<Output = Result<(), BatchError>> + Send {
            let $this = self;
            async move {
                match $target {
                    Some(target) => target.on_events(batch).await,
                    None => Ok(()),
                }
            }
        }

        $(fn $method(&self, run: &Run, payload: &$payload) -> impl Future<Output = ()> + Send {
            let $this = self;
            async move {
                if let Some(target) = $target {
                    target.$method(run, payload).await;
                }
            }
        })*
    };
}

macro_rules! implement {
    ($trait:ident, $list:ident $(, $($unsized:tt)+)?) => {
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

            with_run_types!(forward, $list |this| Some(&**this));
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

            with_run_types!(forward, $list |this| Some(&**this));
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

            with_run_types!(forward, $list |this| this.as_ref());
        }
    };
}

implement!(CallbackHandler, blocking, + ?Sized);
implement!(AsyncCallbackHandler, asynchronous);
