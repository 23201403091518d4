use std::{fmt, sync::Arc};

use crate::disposed::Disposed;

/// The identity of a handler instance: handlers with equal identities count as one handler.
///
/// An identity keeps the allocation alive that it compares, so an address is never used for two handlers.
///
/// ```
/// use std::sync::Arc;
/// use tower_llm_callbacks::handler::Identity;
///
/// let state = Arc::new(0);
/// assert_eq!(Identity::of(&state), Identity::of(&state.clone()));
/// assert_ne!(Identity::of(&state), Identity::of(&Arc::new(0)));
/// ```
#[derive(Clone)]
pub struct Identity {
    address: usize,
    /// Keeps the address from being reused.
    _owner: Arc<dyn Send + Sync>,
}

impl Identity {
    /// Returns the identity of a shared value: that of its allocation.
    pub fn of<T: ?Sized + Send + Sync + 'static>(shared: &Arc<T>) -> Self {
        let address = Arc::as_ptr(shared).cast::<()>() as usize;
        Self { address, _owner: Arc::new(Disposed::new(Arc::clone(shared))) }
    }

    /// Returns an identity that equals only its own clones.
    pub fn unique() -> Self {
        let owner = Arc::new(0_u8);
        Self { address: Arc::as_ptr(&owner) as usize, _owner: owner }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:#x})", self.address)
    }
}
