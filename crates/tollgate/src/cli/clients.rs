//! Applications that may ask the embedded issuer for tokens: `client add`, `list`, `rotate`, `remove`.

use super::{opened, print};
use crate::app::{Design, Failure};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use tollgate_auth::{Client, ClientKind};
use tollgate_core::Secret;

#[derive(Subcommand)]
pub(super) enum Clients {
    /// Add a client; prints its secret, once, if it keeps one
    Add(Add),
    /// List the clients: those of the settings, then those that were added
    List,
    /// Give a client another secret, and print it; the old one is good for nothing from then on
    Rotate {
        /// Its `client_id`
        id: String,
    },
    /// Remove a client, with everything it was given
    Remove {
        /// Its `client_id`
        id: String,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// Its `client_id`
    id: String,
    /// Its name for people [default: the id]
    #[arg(long)]
    name: Option<String>,
    /// public (a page in a browser), native (an app on a device), confidential (a server that people use) or machine
    #[arg(long)]
    kind: ClientKind,
    /// Where it may be sent back to; may be given several times
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Where it may be sent after somebody signed out; may be given several times
    #[arg(long)]
    logout_uri: Vec<String>,
    /// What it may do in its own name, as in read:movies; may be given several times
    #[arg(long)]
    permission: Vec<String>,
    /// Refresh tokens without asking for `offline_access`
    #[arg(long)]
    offline: bool,
    /// It is somebody else's: people are asked first
    #[arg(long)]
    third_party: bool,
}

pub(super) async fn client(design: Design, command: Clients) -> Result<(), Failure> {
    let running = opened(design).await?;
    let identity = running.identity()?;
    match command {
        Clients::Add(client) => {
            let client = client.read();
            let id = client.id.clone();
            let secret = identity.add_client(client).await?;
            print(&format!("added the client {id}{}", told(secret.as_ref())))
        }
        Clients::List => print(&list(&identity.clients().await?)),
        Clients::Rotate { id } => {
            let secret = identity.rotate_client(&id).await?;
            print(&format!("the client {id} has another secret{}", told(Some(&secret))))
        }
        Clients::Remove { id } => {
            identity.remove_client(&id).await?;
            print(&format!("removed the client {id}"))
        }
    }
}

/// The one time that anybody sees it.
fn told(secret: Option<&Secret>) -> String {
    secret.map_or_else(String::new, |secret| format!("\nsecret (shown once): {}", secret.reveal()))
}

impl Add {
    fn read(self) -> Client {
        let name = self.name.unwrap_or_else(|| self.id.clone());
        Client {
            redirect_uris: self.redirect_uri,
            logout_uris: self.logout_uri,
            permissions: self.permission,
            offline: self.offline,
            third_party: self.third_party,
            ..Client::new(self.id, name, self.kind)
        }
    }
}

fn list(clients: &[impl std::ops::Deref<Target = Client>]) -> String {
    let width = clients.iter().map(|client| client.id.len()).max().unwrap_or_default();
    clients.iter().fold(String::new(), |mut text, client| {
        let whose = if client.third_party { ", third party" } else { "" };
        let from = client.added.map_or("settings".to_owned(), |added| added.strftime("%Y-%m-%d").to_string());
        let _ =
            writeln!(text, "{:<width$}  {:<12}  {from:<10}  {}{whose}", client.id, client.kind.as_str(), client.name);
        for uri in &client.redirect_uris {
            let _ = writeln!(text, "{:width$}  {uri}", "");
        }
        if !client.permissions.is_empty() {
            let _ = writeln!(text, "{:width$}  may {}", "", client.permissions.join(" "));
        }
        text
    })
}
