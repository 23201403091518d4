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
        _each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), NotInflated> {
        match *self {}
    }
}
