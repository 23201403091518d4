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

/// Nobody listens at port 0.
const NOBODY: &str = "nats://127.0.0.1:0";

/// Connects. The client ends when its connection breaks, rather than to connect again.
///
/// A client that connects again goes on with what it had not written yet, and what it had written before and was
/// lost is missing in between. Here, what the server gets from a client is what was sent up to some point: so it can
/// be sent again from the first that was not acknowledged, and the server has seen each in order.
pub(super) async fn connect(config: &StreamConfig, attempt: usize) -> Result<Context, Error> {
    let servers = &config.servers;
    let parse = |server: &str| {
        let read = server.parse::<ServerAddr>();
        // Its text may quote the address.
        read.map_err(|_| Error::Connect("its address is none".to_owned()))
    };
    let server = servers.get(attempt % servers.len().max(1)).map_or("", String::as_str);
    let (server, nobody) = (parse(server)?, parse(NOBODY)?);
    let pool = vec![server.clone(), nobody.clone()];
    let tried = Arc::new(AtomicBool::new(false));
    let options = config.options.clone().unwrap_or_default();
    // With no limit the client would try for ever; 0 stands for none. So the one attempt to connect again goes to
    // nobody.
    let options = options
        .ignore_discovered_servers()
        .max_reconnects(1)
        .reconnect_to_server_callback(move |_, _| {
            let again = tried.swap(true, Ordering::Relaxed);
            let addr = if again { nobody.clone() } else { server.clone() };
            async move { Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) }) }
        });
    let client: Client =
        options.connect(pool).await.map_err(|error| Error::Connect(error.kind().to_string()))?;
    let mut context = jetstream::new(client);
    context.set_timeout(config.timeout);
    Ok(context)
}
