use std::sync::Arc;

use super::Identity;

/// The handlers whose code is running, innermost first.
pub(crate) struct HandlerFrame {
    pub(crate) handler: Identity,
    pub(crate) outer: Option<Arc<HandlerFrame>>,
}

impl HandlerFrame {
    /// Whether a handler's code is running in this frame or in one around it.
    pub(crate) fn runs(&self, handler: &Identity) -> bool {
        let mut frame = Some(self);
        while let Some(HandlerFrame { handler: running, outer }) = frame {
            if running == handler {
                return true;
            }
            frame = outer.as_deref();
        }
        false
    }
}
