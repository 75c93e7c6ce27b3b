//! A way to a server on which answers are lost: what was asked has happened, and nobody is told.

use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    task::JoinHandle,
};

/// A proxy on loopback that loses answers, each together with its connection. It ends with this value.
pub struct FaultProxy {
    port: u16,
    accepting: JoinHandle<io::Result<()>>,
}

impl FaultProxy {
    /// Leads to that port of 127.0.0.1. `is_lost` is shown the bytes of answers as they come, not always whole, and says
    /// which do not arrive.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(port: u16, is_lost: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").await;
        let listener = bound.unwrap_or_else(|error| panic!("no port is free: {error}"));
        let here = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}")).port();
        let is_lost = Arc::new(is_lost);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await?;
                tokio::spawn(lead(client, port, Arc::clone(&is_lost)));
            }
        });
        Self { port: here, accepting }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes on what is asked, and what is answered until an answer is lost.
async fn lead(client: TcpStream, port: u16, is_lost: Arc<impl Fn(&[u8]) -> bool + Send + Sync>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut asks, hears) = client.into_split();
    let (answers, mut is_asked) = server.into_split();
    // Either end closes both ways.
    tokio::select! {
        asked = copy(&mut asks, &mut is_asked) => asked.map(drop),
        answered = answer(answers, hears, &*is_lost) => answered,
    }
}

async fn answer(
    mut answers: OwnedReadHalf,
    mut hears: impl AsyncWriteExt + Unpin,
    is_lost: impl Fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = answers.read(&mut bytes).await?;
        if count == 0 || is_lost(&bytes[..count]) {
            return Ok(());
        }
        hears.write_all(&bytes[..count]).await?;
    }
}
