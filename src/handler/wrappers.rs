//! `Arc<H>`, `Box<H>` and `Option<H>` are handlers too. They forward every method, so that an
//! override of any of them is heard.

use std::{future::Future, sync::Arc};

use super::{AsyncCallbackHandler, CallbackHandler, EventMask};
use crate::{event::*, run::Run};

/// Forwards the methods after `interests` and `identity`.
macro_rules! forward {
    ($kind:ident, |$this:ident| $target:expr) => {
        forward!(@$kind |$this| $target;
            on_llm_start: LlmStart, on_llm_new_token: Token, on_llm_end: LlmResult,
            on_llm_error: RunError, on_chain_start: RunInput, on_chain_end: RunOutput,
            on_chain_error: RunError, on_tool_start: RunInput, on_tool_end: RunOutput,
            on_tool_error: RunError, on_retriever_start: RunInput, on_retriever_end: RunOutput,
            on_retriever_error: RunError, on_retry: Retry, on_custom_event: CustomEvent,
            on_event: Event,
        );
    };
    (@blocking |$this:ident| $target:expr; $($method:ident: $payload:ty,)*) => {$(
        fn $method(&self, run: &Run, payload: &$payload) {
            let $this = self;
            if let Some(target) = $target {
                target.$method(run, payload);
            }
        }
    )*};
    (@async_handler |$this:ident| $target:expr; $($method:ident: $payload:ty,)*) => {$(
        fn $method(
            &self,
            run: &Run,
            payload: &$payload,
        ) -> impl Future<Output = ()> + Send {
            let $this = self;
            async move {
                if let Some(target) = $target {
                    target.$method(run, payload).await;
                }
            }
        }
    )*};
}

fn address<T: ?Sized>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared).cast::<()>() as usize
}

impl<H: CallbackHandler + ?Sized> CallbackHandler for Arc<H> {
    fn interests(&self) -> EventMask {
        (**self).interests()
    }

    fn identity(&self) -> Option<usize> {
        Some((**self).identity().unwrap_or_else(|| address(self)))
    }

    forward!(blocking, |this| Some(&**this));
}

impl<H: CallbackHandler + ?Sized> CallbackHandler for Box<H> {
    fn interests(&self) -> EventMask {
        (**self).interests()
    }

    fn identity(&self) -> Option<usize> {
        (**self).identity()
    }

    forward!(blocking, |this| Some(&**this));
}

/// `None` has no interests.
impl<H: CallbackHandler> CallbackHandler for Option<H> {
    fn interests(&self) -> EventMask {
        self.as_ref().map_or(EventMask::NONE, H::interests)
    }

    fn identity(&self) -> Option<usize> {
        self.as_ref().and_then(H::identity)
    }

    forward!(blocking, |this| this.as_ref());
}

impl<H: AsyncCallbackHandler> AsyncCallbackHandler for Arc<H> {
    fn interests(&self) -> EventMask {
        (**self).interests()
    }

    fn identity(&self) -> Option<usize> {
        Some((**self).identity().unwrap_or_else(|| address(self)))
    }

    forward!(async_handler, |this| Some(&**this));
}

impl<H: AsyncCallbackHandler> AsyncCallbackHandler for Box<H> {
    fn interests(&self) -> EventMask {
        (**self).interests()
    }

    fn identity(&self) -> Option<usize> {
        (**self).identity()
    }

    forward!(async_handler, |this| Some(&**this));
}

/// `None` has no interests.
impl<H: AsyncCallbackHandler> AsyncCallbackHandler for Option<H> {
    fn interests(&self) -> EventMask {
        self.as_ref().map_or(EventMask::NONE, H::interests)
    }

    fn identity(&self) -> Option<usize> {
        self.as_ref().and_then(H::identity)
    }

    forward!(async_handler, |this| this.as_ref());
}
