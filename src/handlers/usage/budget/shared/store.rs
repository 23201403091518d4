use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::Semaphore, time::timeout};
use tower::BoxError;
use uuid::Uuid;

use super::{
    accounts::{AccountEntry, AccountStored},
    config::SharedBudgets,
};
use crate::handlers::usage::budget::spending::BudgetLimit;

/// The maximum number of concurrent requests to the store.
const REQUESTS: usize = 64;

/// The store, with what this process knows about it.
pub(super) struct Store {
    pub(super) config: SharedBudgets,
    pub(super) limit: BudgetLimit,
    /// The id of this process's parts: of each guard another one.
    pub(super) process: Uuid,
    requests: Semaphore,
    /// Whether the last request failed.
    failing: AtomicBool,
    /// Whether a call has waited in vain since the last request that succeeded.
    down: AtomicBool,
}

impl Store {
    pub(super) fn new(config: SharedBudgets, limit: BudgetLimit) -> Self {
        let (failing, down) = Default::default();
        let requests = Semaphore::new(REQUESTS);
        Self { config, limit, process: Uuid::now_v7(), requests, failing, down }
    }

    /// Returns how long a start waits.
    pub(super) fn patience(&self) -> Duration {
        let timeout = self.config.timeout;
        if self.down.load(Ordering::Relaxed) { timeout / 20 } else { timeout }
    }

    /// Notes that a start has waited in vain.
    pub(super) fn missed(&self) {
        if self.failing.load(Ordering::Relaxed) {
            self.down.store(true, Ordering::Relaxed);
        }
    }

    pub(super) async fn load(&self, account: &str) -> Result<Option<AccountEntry>, BoxError> {
        self.request(self.config.accounts.load(account)).await
    }

    pub(super) async fn store(
        &self,
        account: &str,
        value: String,
        revision: Option<u64>,
    ) -> Result<AccountStored, BoxError> {
        self.request(self.config.accounts.store(account, value, revision)).await
    }

    /// Makes a request. The store may be user code, so panics are caught.
    async fn request<T>(
        &self,
        request: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        let _permit = self.requests.acquire().await?;
        let limit = self.config.timeout;
        let request = AssertUnwindSafe(request).catch_unwind();
        let result = match timeout(limit, request).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the store panicked".into()),
            Err(_) => Err(format!("the store did not respond within {limit:?}").into()),
        };
        let failing = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Ok(_) => {
                self.down.store(false, Ordering::Relaxed);
                if failing {
                    tracing::info!(budgets = %self.config.name, "the store of budgets responds again");
                }
            }
            Err(error) if !failing => {
                tracing::warn!(budgets = %self.config.name, "the store of budgets failed: {error}");
            }
            Err(_) => {}
        }
        result
    }
}
