//! An app on a socket, for who speaks through one.

use axum::Router;
use std::net::SocketAddr;
use tokio::{net::TcpListener, task::JoinHandle};

/// An app that [`Client::serve`](crate::Client::serve) serves. A browser waits without letting go of its thread, so such a
/// test says `#[tokio::test(flavor = "multi_thread")]`.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn begin(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let task = tokio::spawn(async move {
            let Ok(()) = axum::serve(listener, router).await else { return };
        });
        Self { address, task }
    }

    /// Where that path is, as in `http://127.0.0.1:40123/notes`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
