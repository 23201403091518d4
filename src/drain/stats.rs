/// The answers that a layer drains at the moment, and what became of the others: see
/// [`DrainLayer::stats`](super::DrainLayer::stats).
///
/// Every call that was dropped before its end is counted once: as active, or in one of the other counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainStats {
    /// The number of answers that are drained now.
    pub active: usize,
    /// The number of answers that were read to their end, which may have been an error.
    pub finished: u64,
    /// The number of answers that were dropped because draining them took too long.
    pub timed_out: u64,
    /// The number of answers that were dropped because they were too large.
    pub too_large: u64,
    /// The number of answers that panicked while they were drained.
    pub panicked: u64,
    /// The number of calls that were not drained, because as many drains were active as there may be.
    pub refused: u64,
    /// The number of calls that were not drained, or not to the end, because there was no runtime: the call was made outside
    /// of one, or its runtime has no timer, or shut down.
    pub without_runtime: u64,
}
