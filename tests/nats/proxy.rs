//! A proxy that repeatedly cuts connections to the server in the middle of a message.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// Cuts the first `most` connections, each after it has sent `bytes` bytes. The last bytes of a cut
    /// connection do not reach the server.
    pub(crate) async fn to(server: String, most: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cuts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let cuts = Arc::clone(&counted);
                tokio::spawn(async move {
                    let ((mut from, mut back), (mut answers, mut to)) =
                        (client.into_split(), server.into_split());
                    let answering =
                        tokio::spawn(async move { copy(&mut answers, &mut back).await });
                    let (mut taken, mut buffer) = (0, vec![0; 4096]);
                    while let Ok(read @ 1..) = from.read(&mut buffer).await {
                        taken += read;
                        if taken > bytes && cuts.load(Ordering::Relaxed) < most {
                            cuts.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        if to.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                    answering.abort();
                });
            }
        });
        Self { address, cuts }
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}
