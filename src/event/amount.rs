use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact amount of money: a whole number of pico-units (millionths of a millionth of the currency's unit).
///
/// Amounts are parsed from, displayed as and serialised as plain decimals. Sums saturate at [`Amount::MAX`].
///
/// ```
/// use tower_llm_callbacks::event::Amount;
///
/// let amount: Amount = "0.30".parse()?;
/// assert_eq!(amount.pico(), 300_000_000_000);
/// assert_eq!(amount.to_string(), "0.3");
/// # Ok::<(), tower_llm_callbacks::event::ParseAmountError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

const DECIMALS: usize = 12;
const UNIT: u128 = 1_000_000_000_000;

impl Amount {
    /// The amount zero.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(u128::MAX);

    /// Creates an amount from millionths of a millionth of the currency's unit.
    pub const fn from_pico(pico: u128) -> Self {
        Self(pico)
    }

    /// Returns the amount in millionths of a millionth of the currency's unit.
    pub const fn pico(self) -> u128 {
        self.0
    }

    /// Returns the amount that is nearest to a float in the currency's unit. `None` if the float is negative, infinite or
    /// not a number, or larger than 10 million.
    ///
    /// The last place of an amount is far beyond what a few additions of floats below 100 lose.
    ///
    /// ```
    /// use tower_llm_callbacks::event::Amount;
    ///
    /// let sum: f64 = 0.1 + 0.2;
    /// assert_eq!(Amount::from_f64(sum).map(|amount| amount.to_string()).as_deref(), Some("0.3"));
    /// assert_eq!(Amount::from_f64(f64::NAN), None);
    /// ```
    pub fn from_f64(units: f64) -> Option<Self> {
        const MAX: f64 = 1e7;
        // Negative zero is zero. At most 10^19, which fits.
        (0.0..=MAX).contains(&units).then(|| Self((units * UNIT as f64).round() as u128))
    }

    /// Returns the sum of two amounts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference of two amounts, or zero if the other is larger.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Parses a decimal without sign and exponent as a multiple of 10^-`decimals`.
pub(crate) fn decimal(text: &str, decimals: usize) -> Option<u128> {
    let (whole, fraction) = match text.split_once('.') {
        // `1.` and `.5` are invalid, as in JSON.
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = decimals.checked_sub(fraction.len())?;
    let mut sum = 0_u128;
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing)) {
        sum = sum.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
    }
    Some(sum)
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decimal(text, DECIMALS).map(Self).ok_or_else(|| ParseAmountError(text.into()))
    }
}

/// An error of parsing an [`Amount`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseAmountError(Box<str>);

impl fmt::Display for ParseAmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = "a decimal such as 2.50, with at most 12 decimal places";
        write!(f, "invalid amount {:?}: expected {expected}", self.0)
    }
}

impl Error for ParseAmountError {}

/// Formats the amount as a plain decimal, without trailing zeros.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / UNIT, self.0 % UNIT);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:012}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

/// Serialises the amount as a string, since JSON numbers are read as floats.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
