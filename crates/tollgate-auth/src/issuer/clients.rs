//! Which clients are there?
//!
//! Those of the configuration, which are read once, and those that were added on the command line, which are looked up
//! for each use: a client that was removed is gone at once, on every instance. Only from which origins their pages come is
//! remembered for some seconds, because anybody can ask for that as often as they like.

use super::client::{Client, ClientKind, hash};
use crate::{
    Identity,
    error::{Error, Result},
    random::random_text,
    records::Records,
    token::Hash,
};
use jiff::Timestamp;
use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;
use tollgate_access::Roles;
use tollgate_core::{Change, Clock, Secret};
use tollgate_http::Origins;
use tollgate_macros::resource;
use tollgate_store::{Database, Filter, Transaction};

/// How long it is remembered where the pages of clients come from.
const FRESH: Duration = Duration::from_secs(5);

/// A client that was added on the command line.
#[resource(plural = "auth_clients", audited)]
pub struct StoredClient {
    /// Its `client_id`.
    #[id]
    pub client: String,
    /// Its name for people.
    #[garde(length(min = 1, max = 200))]
    pub name: String,
    /// What it is, as [`ClientKind::as_str`] writes it.
    pub kind: String,
    /// The hash of its secret, if it keeps one.
    #[hidden]
    pub secret: Option<String>,
    /// Where it may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Where it may be sent after somebody signed out.
    pub logout_uris: Vec<String>,
    /// What it may do in its own name.
    pub permissions: Vec<String>,
    /// Whether it gets a refresh token without asking for one.
    pub offline: bool,
    /// Whether it is somebody else's.
    pub third_party: bool,
    /// When it was added.
    #[created_at]
    pub added: Timestamp,
    /// When it last changed.
    #[updated_at]
    pub updated_at: Timestamp,
}

/// All clients.
pub(crate) struct Clients {
    /// Of the configuration; a secret of theirs may be rotated.
    configured: RwLock<Vec<Arc<Client>>>,
    records: Records<StoredClient>,
    clock: Arc<dyn Clock>,
    /// The origins of the pages of those that were added, and until when that holds.
    origins: Mutex<(Duration, HashSet<String>)>,
}

impl Clients {
    pub(crate) fn new(configured: Vec<Client>, database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        let records = Records::new(database, clock, "the issuer keeps its clients");
        let configured = RwLock::new(configured.into_iter().map(Arc::new).collect());
        Self { configured, records, clock: Arc::clone(clock), origins: Mutex::default() }
    }

    /// The client of that id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Arc<Client>>> {
        if let Some(client) = self.configured(id) {
            return Ok(Some(client));
        }
        self.records.get(id.to_owned()).await?.map(|row| read(row).map(Arc::new)).transpose()
    }

    /// Those of the configuration, then the others by name.
    pub(crate) async fn all(&self) -> Result<Vec<Arc<Client>>> {
        let mut rows = self.records.find(Filter::every()).await?;
        rows.sort_by(|a, b| a.client.cmp(&b.client));
        let stored = rows.into_iter().map(|row| read(row).map(Arc::new));
        self.of_configuration().into_iter().map(Ok).chain(stored).collect()
    }

    /// Adds a client; answers its secret, which nobody can read again, if it keeps one.
    pub(crate) async fn add(&self, client: Client, roles: &Roles) -> Result<Option<Secret>> {
        let secret = client.kind.keeps_a_secret().then(random_text).transpose()?.map(Secret::from);
        let client = match &secret {
            Some(secret) => client.with_secret(secret)?,
            None => client,
        };
        client.check(roles)?;
        if self.configured(&client.id).is_some() {
            return Err(Error::ClientTaken(client.id));
        }
        let id = client.id.clone();
        match self.records.insert(write(client)).await {
            Err(tollgate_store::Error::Conflict { .. }) => Err(Error::ClientTaken(id)),
            other => other.map(|_| secret).map_err(Error::from),
        }
    }

    /// Gives a client another secret; the old one is good for nothing from now on.
    pub(crate) async fn rotate(&self, id: &str) -> Result<Secret> {
        let secret = random_text()?;
        let patch = StoredClientPatch { secret: Change::Set(Some(hash(id, &secret).into())), ..Default::default() };
        let keeps_one = !StoredClient::SECRET.is_null();
        if self.records.change(id.to_owned(), keeps_one, patch).await? {
            return Ok(secret.into());
        }
        match self.records.get(id.to_owned()).await? {
            Some(row) => Err(Error::Configuration(format!("the client `{id}` is {}: it keeps no secret", row.kind))),
            None => Err(self.not_there(id)),
        }
    }

    /// Removes a client.
    pub(crate) async fn remove(&self, id: &str, on: &Transaction) -> Result<()> {
        if self.records.on(on)?.remove(id.to_owned()).await? { Ok(()) } else { Err(self.not_there(id)) }
    }

    /// Whether a page of that origin is one of a public client's.
    async fn is_origin(&self, origin: &str) -> bool {
        let configured = self.of_configuration();
        let public = configured.iter().filter(|client| client.kind == ClientKind::Public);
        if public.flat_map(|client| &client.redirect_uris).any(|uri| origin_of(uri).as_deref() == Some(origin)) {
            return true;
        }
        // Held while the database is asked: it is asked once, however many pages wait for that.
        let mut known = self.origins.lock().await;
        let now = self.clock.uptime();
        if now >= known.0 {
            match self.added_origins().await {
                Ok(origins) => known.1 = origins,
                Err(error) => tracing::warn!(%error, "which pages may read answers could not be told anew"),
            }
            known.0 = now + FRESH;
        }
        known.1.contains(origin)
    }

    async fn added_origins(&self) -> Result<HashSet<String>> {
        let rows = self.records.find(StoredClient::KIND.eq(ClientKind::Public.as_str())).await?;
        Ok(rows.iter().flat_map(|row| &row.redirect_uris).filter_map(|uri| origin_of(uri)).collect())
    }

    /// Takes over a client of the configuration whose secret was rotated.
    pub(crate) fn renew(&self, client: Client) {
        let mut configured = self.configured.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = configured.iter_mut().find(|old| old.id == client.id) {
            *old = Arc::new(client);
        }
    }

    fn of_configuration(&self) -> Vec<Arc<Client>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn configured(&self, id: &str) -> Option<Arc<Client>> {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        configured.iter().find(|client| client.id == id).cloned()
    }

    fn not_there(&self, id: &str) -> Error {
        if self.configured(id).is_some() {
            return Error::Configuration(format!("the client `{id}` is one of the configuration: change it there"));
        }
        Error::NoSuchClient(id.to_owned())
    }
}

/// The pages of public clients, which live in browsers.
impl Origins for Identity {
    fn has<'a>(&'a self, origin: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(self.0.clients.is_origin(origin))
    }
}

/// The origin of an address, as browsers write it.
fn origin_of(uri: &str) -> Option<String> {
    let origin = url::Url::parse(uri).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

fn read(row: StoredClient) -> Result<Client> {
    let damaged = || Error::Damaged("auth_clients");
    Ok(Client {
        kind: row.kind.parse().map_err(|_| damaged())?,
        secret: row.secret.map(Hash::try_from).transpose().map_err(|_| damaged())?,
        redirect_uris: row.redirect_uris,
        logout_uris: row.logout_uris,
        permissions: row.permissions,
        offline: row.offline,
        third_party: row.third_party,
        insecure_without_pkce: false,
        added: Some(row.added),
        id: row.client,
        name: row.name,
    })
}

fn write(client: Client) -> NewStoredClient {
    NewStoredClient {
        kind: client.kind.as_str().to_owned(),
        secret: client.secret.map(String::from),
        redirect_uris: client.redirect_uris,
        logout_uris: client.logout_uris,
        permissions: client.permissions,
        offline: client.offline,
        third_party: client.third_party,
        client: client.id,
        name: client.name,
    }
}
