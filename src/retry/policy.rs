use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tower::{
    layer::util::Stack,
    retry::{
        Policy, RetryLayer,
        budget::{Budget, TpsBudget},
    },
};

use crate::{
    bounds::ReadError,
    event::{is_retryable, provider_error},
    scope::AttemptsLayer,
};

/// Makes a failed call of a model again: after 429, 5xx and other errors that [pass](crate::ProviderError::is_retryable),
/// and after failures on the way.
///
/// It waits as long as the provider asks for, else for a time that doubles with each attempt, of which a random part is left
/// out, so that not all clients come back at once. It retries a call that has not responded: what fails in the middle of an
/// answer was partly read.
///
/// Clones share the budget, which keeps retries from multiplying the load when a provider is down for everybody.
#[derive(Clone)]
pub struct RetryPolicy {
    attempts: u32,
    first_wait: Duration,
    longest_wait: Duration,
    budget: Option<Arc<TpsBudget>>,
    /// The number of retries of this call.
    retries: u32,
}

impl RetryPolicy {
    /// Creates a policy for 3 attempts, waits from 500 ms, up to a minute, and a budget of one retry per five calls beside
    /// 10 retries in 10 seconds.
    pub fn new() -> Self {
        let budget = TpsBudget::new(Duration::from_secs(10), 1, 0.2);
        Self {
            attempts: 3,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            budget: Some(Arc::new(budget)),
            retries: 0,
        }
    }

    /// Sets the number of attempts, the first one included. 1 and less make no retries.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the time before the first retry, unless the provider asks for another one.
    #[must_use]
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// Sets the longest time before a retry. If the provider asks for a longer one, the call fails at once.
    #[must_use]
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Sets the budget of all calls, or none.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<TpsBudget>>) -> Self {
        self.budget = budget.into().map(Arc::new);
        self
    }

    /// Returns the layer for typed models, with an [`AttemptsLayer`] above it, so that retries are events.
    pub fn layer(self) -> Stack<RetryLayer<Self>, AttemptsLayer> {
        Stack::new(RetryLayer::new(self), AttemptsLayer::new())
    }

    /// Notes a success.
    pub(super) fn succeeded(&self) {
        if let Some(budget) = &self.budget {
            budget.deposit();
        }
    }

    /// Returns the wait before a retry of a call whose failure may pass; `None` if there is none.
    pub(super) fn failed(&mut self, retry_after: Option<Duration>) -> Option<Sleep> {
        if self.retries.saturating_add(1) >= self.attempts {
            return None;
        }
        let wait = match retry_after {
            Some(wait) if wait > self.longest_wait => return None,
            // All that are asked to wait until the same moment do not come at once.
            Some(wait) => wait.saturating_add(part(wait, 0.1 * random())),
            None => {
                let doubled = 2_u32.checked_pow(self.retries).unwrap_or(u32::MAX);
                let wait = self.first_wait.saturating_mul(doubled).min(self.longest_wait);
                part(wait, 0.5 + 0.5 * random())
            }
        };
        if self.budget.as_ref().is_some_and(|budget| !budget.withdraw()) {
            return None;
        }
        self.retries += 1;
        Some(sleep(wait))
    }
}

/// Returns a part of a time, from 0 to 1.
fn part(time: Duration, part: f64) -> Duration {
    // The longest time is less than its nearest float.
    Duration::try_from_secs_f64(time.as_secs_f64() * part).unwrap_or(time)
}

/// Returns a number from 0 to 1.
fn random() -> f64 {
    // The keys of the standard library's hash maps are random.
    let number = RandomState::new().hash_one(0);
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// `E` is [`ModelError`](crate::chat::ModelError) or [`BoxError`](tower::BoxError).
impl<Req, Res, E> Policy<Req, Res, E> for RetryPolicy
where
    Req: Clone,
    E: ReadError,
{
    type Future = Sleep;

    fn retry(&mut self, _request: &mut Req, result: &mut Result<Res, E>) -> Option<Sleep> {
        let error = match result {
            Ok(_) => {
                self.succeeded();
                return None;
            }
            Err(error) => (*error).as_ref(),
        };
        let wait = provider_error(error).and_then(|error| error.retry_after);
        if is_retryable(error) { self.failed(wait) } else { None }
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("attempts", &self.attempts)
            .field("first_wait", &self.first_wait)
            .field("longest_wait", &self.longest_wait)
            .finish_non_exhaustive()
    }
}
