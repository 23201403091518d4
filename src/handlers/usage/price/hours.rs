use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u32 = 24 * 60;

/// A time of each day in UTC, in minutes since midnight. It may go on after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hours {
    start: u32,
    end: u32,
}

impl Hours {
    /// Reads `16:30-00:30`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let hours = Self { start: minutes(start)?, end: minutes(end)? };
        (hours.start < DAY && hours.start != hours.end).then_some(hours)
    }

    pub(super) fn contains(self, time: SystemTime) -> bool {
        let Ok(since) = time.duration_since(UNIX_EPOCH) else { return false };
        // Less than a day, so it fits.
        let minute = (since.as_secs() / 60 % u64::from(DAY)) as u32;
        if self.start < self.end {
            (self.start..self.end).contains(&minute)
        } else {
            minute >= self.start || minute < self.end
        }
    }
}

fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok())?
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let sum = hours * 60 + minutes;
    (minutes < 60 && sum <= DAY).then_some(sum)
}
