use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tower::BoxError;
use uuid::Uuid;

use super::{account::Account, accounts::AccountStored, part::Parts, store::Store};

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after the first conflict, which doubles with each further one in a row, up to 32 times as long.
const CONFLICT_MICROS: u64 = 1_000;

/// Keeps an account in step with the store, until there is nothing left to do: answers starts, writes what was spent,
/// and gives signs of life while runs are open.
pub(super) async fn run(store: Arc<Store>, account: Arc<Account>, written: watch::Sender<()>) {
    let mut pause = FIRST_PAUSE;
    let mut conflicts = 0;
    loop {
        let due = account.with(|state| {
            let due = state.due(store.config.lease);
            state.running = due.is_some();
            due
        });
        let Some(due) = due else { return };
        if !due.is_zero() && timeout(due, account.wake.notified()).await.is_ok() {
            continue;
        }
        match round(&store, &account).await {
            Ok(AccountStored::Revision(_)) => {
                (pause, conflicts) = (FIRST_PAUSE, 0);
                written.send_replace(());
            }
            Ok(AccountStored::Changed) => {
                account.with(|state| state.changed());
                let most = CONFLICT_MICROS << conflicts;
                conflicts = (conflicts + 1).min(5);
                sleep(Duration::from_micros(random() % most)).await;
            }
            Err(error) => {
                tracing::debug!(account = %account.name, "cannot reach the account: {error}");
                account.with(|state| state.failed());
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Reads the account if it is not known, answers starts, and writes what has changed.
async fn round(store: &Store, account: &Arc<Account>) -> Result<AccountStored, BoxError> {
    let mut fresh = false;
    if !account.with(|state| state.is_known()) {
        load(store, account).await?;
        fresh = true;
    }
    let mut plan = account.with(|state| state.plan(store));
    // Others may have released what is missing.
    if plan.refuses() && !fresh {
        load(store, account).await?;
        plan = account.with(|state| state.plan(store));
    }
    account.refuse(&mut plan);
    let Some((parts, revision)) = plan.write.take() else {
        return Ok(AccountStored::Revision(0));
    };
    let stored = store.store(&account.name, parts.to_json(), revision).await?;
    if let AccountStored::Revision(revision) = stored {
        account.stored(&plan, parts, revision);
    }
    Ok(stored)
}

async fn load(store: &Store, account: &Account) -> Result<(), BoxError> {
    let entry = store.load(&account.name).await?;
    let (parts, revision) = match entry {
        Some(entry) => (Parts::from_json(&entry.value)?, Some(entry.revision)),
        None => (Parts::default(), None),
    };
    account.with(|state| state.loaded(store, parts, revision));
    Ok(())
}

/// Returns a random number: the last bits of an id.
fn random() -> u64 {
    Uuid::now_v7().as_u128() as u64
}
