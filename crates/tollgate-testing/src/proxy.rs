//! A way to a server on which answers are late or lost: then what was asked has happened, and nobody is told.

use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// A proxy on loopback that loses answers, each together with its connection. It ends with this value.
pub struct FaultProxy {
    port: u16,
    accepting: JoinHandle<io::Result<()>>,
}

tollgate_core::debug_by_name!(FaultProxy);

impl FaultProxy {
    /// Leads to that port of 127.0.0.1. `is_lost` is shown the bytes of answers as they come, not always whole, and says
    /// which do not arrive.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(port: u16, is_lost: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self::slow(port, || Duration::ZERO, is_lost).await
    }

    /// The same, on which an answer is as late as `late` says when it comes.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn slow(
        port: u16,
        late: impl Fn() -> Duration + Send + Sync + 'static,
        is_lost: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").await;
        let listener = bound.unwrap_or_else(|error| panic!("no port is free: {error}"));
        let here = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}")).port();
        let (late, is_lost) = (Arc::new(late), Arc::new(is_lost));
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await?;
                tokio::spawn(lead(client, port, Arc::clone(&late), Arc::clone(&is_lost)));
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
async fn lead(
    client: TcpStream,
    port: u16,
    late: Arc<impl Fn() -> Duration + Send + Sync>,
    is_lost: Arc<impl Fn(&[u8]) -> bool + Send + Sync>,
) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut asks, hears) = client.into_split();
    let (answers, mut is_asked) = server.into_split();
    let (sender, receiver) = unbounded_channel();
    let hear = async { tokio::try_join!(listen(answers, &*late, &*is_lost, sender), tell(hears, receiver)).map(drop) };
    // Either end closes both ways.
    tokio::select! {
        asked = copy(&mut asks, &mut is_asked) => asked.map(drop),
        answered = hear => answered,
    }
}

/// Bytes of an answer, and when they are to arrive.
type Late = (Instant, Vec<u8>);

/// Ends, and with it the connection, when an answer is lost.
async fn listen(
    mut answers: OwnedReadHalf,
    late: impl Fn() -> Duration,
    is_lost: impl Fn(&[u8]) -> bool,
    sender: UnboundedSender<Late>,
) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = answers.read(&mut bytes).await?;
        if count == 0 || is_lost(&bytes[..count]) {
            return Ok(());
        }
        let _ = sender.send((Instant::now() + late(), bytes[..count].to_vec()));
    }
}

async fn tell(mut hears: impl AsyncWriteExt + Unpin, mut receiver: UnboundedReceiver<Late>) -> io::Result<()> {
    while let Some((due, bytes)) = receiver.recv().await {
        sleep_until(due).await;
        hears.write_all(&bytes).await?;
    }
    Ok(())
}
