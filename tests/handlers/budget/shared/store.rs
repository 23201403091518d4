//! A store in memory, and how a process reaches it.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::time::sleep;
use tower::BoxError;
use tower_llm_callbacks::handlers::{AccountEntry, AccountStored, BudgetAccounts};

#[derive(Clone, Default)]
pub(in crate::budget) struct Store(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    accounts: HashMap<String, AccountEntry>,
    last_revision: u64,
    loads: usize,
    stores: usize,
}

impl Store {
    pub(in crate::budget) fn reach(&self) -> Reach {
        Reach { store: self.clone(), way: Arc::new(Mutex::new(Way::Open)) }
    }

    fn store(&self, account: &str, value: String, revision: Option<u64>) -> AccountStored {
        let mut stored = self.0.lock().unwrap();
        if stored.accounts.get(account).map(|entry| entry.revision) != revision {
            return AccountStored::Changed;
        }
        stored.last_revision += 1;
        let revision = stored.last_revision;
        stored.accounts.insert(account.to_owned(), AccountEntry::new(value, revision));
        AccountStored::Revision(revision)
    }

    pub(super) fn forget_all(&self) {
        self.0.lock().unwrap().accounts.clear();
    }

    /// The numbers of loads and of stores.
    pub(super) fn requests(&self) -> (usize, usize) {
        let stored = self.0.lock().unwrap();
        (stored.loads, stored.stores)
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().unwrap().accounts.keys().cloned().collect();
        names.sort();
        names
    }

    /// The tokens that each process has spent and reserved in an account.
    pub(super) fn parts(&self, account: &str) -> Vec<(u64, u64)> {
        let stored = self.0.lock().unwrap();
        let Some(entry) = stored.accounts.get(account) else { return Vec::new() };
        let value: Value = serde_json::from_str(&entry.value).unwrap();
        let parts = value["parts"].as_object().unwrap().values();
        let tokens = |part: &Value, what: &str| part[what]["tokens"].as_u64().unwrap();
        parts.map(|part| (tokens(part, "spent"), tokens(part, "reserved"))).collect()
    }

    /// The tokens that all processes have spent and reserved in the only account.
    pub(super) fn all(&self) -> (u64, u64) {
        let parts = self.parts("test/all/key/");
        parts.iter().fold((0, 0), |(a, b), (spent, reserved)| (a + spent, b + reserved))
    }
}

/// How a process reaches the store.
#[derive(Clone)]
pub(in crate::budget) struct Reach {
    store: Store,
    way: Arc<Mutex<Way>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Open,
    /// Requests fail.
    Broken,
    /// Requests never end, as those of a process that was killed.
    Dead,
    /// What is to be stored is stored, but the response is lost.
    NoResponse,
    /// Requests take this long.
    Slow(Duration),
    /// Requests take a while, fail, are stored later, or their response is lost, by the state of a generator.
    Random(u64),
}

impl Reach {
    pub(super) fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    fn draw(&self) -> Way {
        let mut way = self.way.lock().unwrap();
        let Way::Random(state) = &mut *way else { return *way };
        let random = next(state);
        let pause = Way::Slow(Duration::from_micros(random % 30_000));
        match random >> 32 & 15 {
            0 => Way::Broken,
            1 | 2 => Way::NoResponse,
            3 => Way::Random(random),
            4..8 => Way::Open,
            _ => pause,
        }
    }
}

/// The next number of a generator.
pub(in crate::budget) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl BudgetAccounts for Reach {
    async fn load(&self, account: &str) -> Result<Option<AccountEntry>, BoxError> {
        self.store.0.lock().unwrap().loads += 1;
        match self.draw() {
            Way::Broken => return Err("broken".into()),
            Way::Dead => pending().await,
            Way::Slow(pause) => sleep(pause).await,
            Way::Open | Way::NoResponse | Way::Random(_) => {}
        }
        Ok(self.store.0.lock().unwrap().accounts.get(account).cloned())
    }

    async fn store(
        &self,
        account: &str,
        value: String,
        revision: Option<u64>,
    ) -> Result<AccountStored, BoxError> {
        self.store.0.lock().unwrap().stores += 1;
        match self.draw() {
            Way::Broken => return Err("broken".into()),
            Way::Dead => pending().await,
            Way::Slow(pause) => sleep(pause).await,
            Way::NoResponse => {
                self.store.store(account, value, revision);
                return Err("no response".into());
            }
            Way::Random(random) => {
                // Carried out later, if nothing else was meanwhile.
                let (store, account) = (self.store.clone(), account.to_owned());
                tokio::spawn(async move {
                    sleep(Duration::from_micros(random % 60_000)).await;
                    store.store(&account, value, revision);
                });
                return Err("no response yet".into());
            }
            Way::Open => {}
        }
        Ok(self.store.store(account, value, revision))
    }
}
