use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Client, ReconnectToServer, ServerAddr,
    jetstream::{self, Context},
};

use super::{Error, StreamConfig};

/// An address at which no server listens.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// Connects to one of the servers. The client does not reconnect: it ends when its connection breaks.
///
/// A client that reconnects goes on with its unwritten messages, although the last written ones may be lost: the server
/// sees a gap. Without reconnecting, the server has received everything up to some message. So everything from the first
/// unacknowledged message on can be sent again, and the server sees all messages in order.
pub(super) async fn connect(config: &StreamConfig, attempt: usize) -> Result<Context, Error> {
    let index = attempt % config.servers.len().max(1);
    let parse = |address: &str| {
        // The parser's error is dropped: it may quote the address and the password in it.
        address.parse::<ServerAddr>().map_err(|_| Error::invalid_address(index + 1))
    };
    let server = parse(config.servers.get(index).map_or("", String::as_str))?;
    let nowhere = parse(NOWHERE)?;
    let pool = vec![server.clone(), nowhere.clone()];
    let options = config.options.clone().unwrap_or_default();
    let tried = Arc::new(AtomicBool::new(false));
    let target = server.clone();
    // The client has no way to disable reconnecting: `max_reconnects(0)` means no limit. So the one attempt to reconnect
    // goes nowhere.
    let options = options
        .ignore_discovered_servers()
        .max_reconnects(1)
        .reconnect_to_server_callback(move |_, _| {
            let reconnecting = tried.swap(true, Ordering::Relaxed);
            let addr = if reconnecting { nowhere.clone() } else { target.clone() };
            async move { Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) }) }
        });
    let client: Client =
        options.connect(pool).await.map_err(|error| Error::connect(&server, error))?;
    let mut context = jetstream::new(client);
    context.set_timeout(config.timeout);
    Ok(context)
}
