use crate::delivery::Settings;

/// The room, in events, that an empty queue or batch keeps.
pub(crate) const SPARE: usize = 2;

/// The most events that a drain takes at once.
pub(crate) const BATCH: usize = 64;

/// A batch of this size means that tokens arrive in a burst. Then it pays to look for more before the queue is left.
pub(super) const BURST: usize = 8;

/// Returns how many events of a run may gather: half of its queue, but no more than a drain takes at once. Beyond that
/// a wake-up costs little for each event. 0 if the handler does not linger.
pub(super) fn gather_most(settings: &Settings) -> usize {
    if settings.linger().is_zero() { 0 } else { settings.capacity.div_ceil(2).min(BATCH) }
}
