use std::{fmt, sync::Arc, time::Duration};

use async_nats::{
    ServerAddr,
    jetstream::{
        self, Context,
        kv::{CreateErrorKind, Operation, Store, UpdateErrorKind},
        stream::{self, DiscardPolicy},
    },
};
use tokio::sync::Mutex;
use tower::BoxError;

use super::{BucketConfig, name::bucket_key};
use crate::{
    handlers::{AccountEntry, AccountStored, BudgetAccounts},
    nats::Error,
};

/// The accounts of [shared budgets](crate::handlers::SharedBudgetGuard), in a key-value store of NATS JetStream.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_llm_callbacks::{Callbacks, handlers::{BudgetGuard, SharedBudgets}, nats::{BucketConfig, NatsBudgets}};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// const DAY: Duration = Duration::from_secs(24 * 3600);
/// let bucket = BucketConfig::new("nats://127.0.0.1:4222").max_age(2 * DAY);
/// let accounts = NatsBudgets::connect(bucket).await?;
/// let guard = BudgetGuard::builder()
///     .tokens(1_000_000)
///     .per_metadata("user")
///     .every_aligned(DAY)
///     .build_shared(SharedBudgets::new("users", accounts));
/// let callbacks = Callbacks::new().add(guard.handler());
/// # Ok(()) }
/// ```
///
/// Clones share a connection.
#[derive(Clone)]
pub struct NatsBudgets(Arc<Inner>);

struct Inner {
    config: BucketConfig,
    connection: Mutex<Connection>,
}

#[derive(Default)]
struct Connection {
    context: Option<Context>,
    /// `None` if it has to be opened, perhaps again.
    bucket: Option<Store>,
}

impl NatsBudgets {
    /// Connects, and creates the bucket if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, or the bucket cannot be opened.
    pub async fn connect(config: BucketConfig) -> Result<Self, Error> {
        let budgets = Self::start(config);
        budgets.bucket().await?;
        Ok(budgets)
    }

    /// Starts without a connection: it is made when an account is used.
    #[must_use]
    pub fn start(config: BucketConfig) -> Self {
        Self(Arc::new(Inner { config, connection: Mutex::default() }))
    }

    async fn bucket(&self) -> Result<Store, Error> {
        let config = &self.0.config;
        let mut connection = self.0.connection.lock().await;
        if let Some(bucket) = &connection.bucket {
            return Ok(bucket.clone());
        }
        let context = match &connection.context {
            Some(context) => context.clone(),
            None => connect(config).await?,
        };
        connection.context = Some(context.clone());
        let bucket = open(&context, config).await?;
        connection.bucket = Some(bucket.clone());
        Ok(bucket)
    }

    /// Returns a request's error. The bucket is opened again for the next one: it may be gone.
    async fn failed(&self, action: &'static str, source: impl Into<BoxError>) -> BoxError {
        self.0.connection.lock().await.bucket = None;
        Error::bucket(action, &self.0.config.name, source).into()
    }
}

/// Connects. Unlike that of a stream, the client reconnects: no request depends on the ones before it.
async fn connect(config: &BucketConfig) -> Result<Context, Error> {
    let parse = |(index, address): (usize, &String)| {
        // The parser's error is dropped: it may quote the address and the password in it.
        address.parse::<ServerAddr>().map_err(|_| Error::invalid_address(index + 1))
    };
    let servers: Vec<_> = config.servers.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    let first = servers[0].clone();
    let options = config.options.clone().unwrap_or_default();
    let pause = |attempts: usize| Duration::from_millis(20 << attempts.min(5));
    let options = options
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
        .ping_interval(config.timeout.max(Duration::from_secs(1)));
    let client = options.connect(servers).await.map_err(|error| Error::connect(&first, error))?;
    let mut context = jetstream::new(client);
    context.set_timeout(config.timeout);
    Ok(context)
}

/// Opens the bucket, or creates it if it does not exist: a stream with the settings of a key-value store. (The client's own
/// way asks for account information that older servers do not give.)
async fn open(context: &Context, config: &BucketConfig) -> Result<Store, Error> {
    let stream = stream::Config {
        name: format!("KV_{}", config.name),
        subjects: vec![format!("$KV.{}.>", config.name)],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..config.stream(Duration::from_secs(120))
    };
    let failed = |error: BoxError| Error::bucket("open", &config.name, error);
    context.get_or_create_stream(stream).await.map_err(|error| failed(error.into()))?;
    context.get_key_value(&config.name).await.map_err(|error| failed(error.into()))
}

impl BudgetAccounts for NatsBudgets {
    async fn load(&self, account: &str) -> Result<Option<AccountEntry>, BoxError> {
        let entry = match self.bucket().await?.entry(bucket_key(account)).await {
            Ok(entry) => entry.filter(|entry| entry.operation == Operation::Put),
            Err(error) => return Err(self.failed("read from", error).await),
        };
        let Some(entry) = entry else { return Ok(None) };
        let value = String::from_utf8(entry.value.into())?;
        Ok(Some(AccountEntry::new(value, entry.revision)))
    }

    async fn store(
        &self,
        account: &str,
        value: String,
        revision: Option<u64>,
    ) -> Result<AccountStored, BoxError> {
        let (bucket, key, value) = (self.bucket().await?, bucket_key(account), value.into());
        let (stored, changed): (Result<u64, BoxError>, _) = match revision {
            Some(revision) => {
                let stored = bucket.update(key, value, revision).await;
                let kind = stored.as_ref().err().map(|error| error.kind());
                (stored.map_err(Into::into), kind == Some(UpdateErrorKind::WrongLastRevision))
            }
            None => {
                let stored = bucket.create(key, value).await;
                let kind = stored.as_ref().err().map(|error| error.kind());
                (stored.map_err(Into::into), kind == Some(CreateErrorKind::AlreadyExists))
            }
        };
        match stored {
            Ok(revision) => Ok(AccountStored::Revision(revision)),
            Err(_) if changed => Ok(AccountStored::Changed),
            Err(error) => Err(self.failed("write to", error).await),
        }
    }
}

impl fmt::Debug for NatsBudgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBudgets").field("bucket", &self.0.config).finish_non_exhaustive()
    }
}
