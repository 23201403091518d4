use super::inflate::NotInflated;

/// No coding is known.
pub(super) enum Coding {}

impl Coding {
    pub(super) fn new(_name: &str) -> Option<Self> {
        None
    }

    pub(super) fn push(
        &mut self,
        _bytes: &[u8],
        _allowed: u64,
        _each: &mut dyn FnMut(&[u8]) -> Result<(), NotInflated>,
    ) -> Result<(), NotInflated> {
        match *self {}
    }

    pub(super) fn has_ended(&self) -> bool {
        match *self {}
    }
}
