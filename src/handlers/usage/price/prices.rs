use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::{PriceTable, or::Or};
use crate::{
    event::{Price, PriceSource, PricedCall, Rates},
    panics::catch,
    sync::lock,
};

/// Prices of calls that can be replaced while the program runs.
///
/// They are a [`PriceTable`], [bundled](Self::bundled) or [downloaded](Self::from_genai_json) prices of all usual providers
/// (feature `prices`), a [source](PriceSource) of the application, or several of them: what the first one does not know is
/// looked up in the [next](Self::or).
///
/// Clones share what they hold: if it is [replaced](Self::replace), all of them, in layers and handlers too, have the new
/// prices for the calls that end from then on.
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, handlers::{PriceTable, Prices, UsageTotals}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let table: PriceTable = r#"{"currency": "USD", "models": {"m-*": {"input": 1, "output": 2}}}"#.parse()?;
/// let prices = Prices::from(table);
/// let totals = UsageTotals::builder().prices(prices.clone()).build();
/// let layer = CallbackLayer::new(Callbacks::new().inline(totals)).prices(prices.clone());
///
/// // Later, for example when the file has changed:
/// let table: PriceTable = r#"{"currency": "USD", "models": {"m-*": {"input": 1, "output": 3}}}"#.parse()?;
/// prices.replace(table);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Prices(Arc<Mutex<Arc<dyn PriceSource>>>);

impl Prices {
    /// Creates prices of a source.
    pub fn new(source: impl PriceSource) -> Self {
        Self::of(Arc::new(source))
    }

    pub(super) fn of(source: Arc<dyn PriceSource>) -> Self {
        Self(Arc::new(Mutex::new(source)))
    }

    /// Returns prices that are looked up here and, if there is no price for a model, in others.
    ///
    /// They are those that both have now. What replaces either of them later does not change the result.
    #[must_use]
    pub fn or(&self, other: impl Into<Self>) -> Self {
        Self::new(Or(self.current(), other.into().current()))
    }

    /// Replaces the prices of this and all of its clones by those that others have now. Calls that end from now on have the
    /// new prices, whenever they started.
    pub fn replace(&self, prices: impl Into<Self>) {
        let source = prices.into().current();
        // The old source is dropped after the lock is released: it may be large, or user code.
        let old = std::mem::replace(&mut *lock(&self.0), source);
        drop(old);
    }

    fn current(&self) -> Arc<dyn PriceSource> {
        Arc::clone(&lock(&self.0))
    }
}

/// A source that panics has no price.
impl PriceSource for Prices {
    fn currency(&self) -> Arc<str> {
        self.current().currency()
    }

    fn price_of(&self, call: &PricedCall<'_>) -> Option<Price> {
        call_source(|| self.current().price_of(call))
    }

    fn rates(&self, call: &PricedCall<'_>) -> Option<Rates> {
        call_source(|| self.current().rates(call))
    }
}

fn call_source<T>(call: impl FnOnce() -> Option<T>) -> Option<T> {
    catch(call).unwrap_or_else(|_| {
        tracing::error!(target: "tower_llm_callbacks", "a source of prices panicked");
        None
    })
}

impl From<PriceTable> for Prices {
    fn from(table: PriceTable) -> Self {
        Self::new(table)
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prices").field(&self.current()).finish()
    }
}
