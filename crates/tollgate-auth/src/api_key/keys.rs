//! Keys are made and revoked here, whoever asks: the API or the command line.

use super::{
    caller::Known,
    error::KeyError,
    key::{ApiKey, NewApiKey},
    text::Brand,
};
use crate::{
    Error, Identity, Result,
    issuer::{Ended, Follower, Revoked, follow},
    token::{Cache, Hash, Revocations},
    users::own_id,
};
use jiff::Timestamp;
use std::{fmt, sync::Arc, time::Duration};
use tollgate_access::{Actor, Create, Delete, Grants, May, Roles, Rows, System};
use tollgate_core::{Clock, Problem, Secret};
use tollgate_http::{Argument, Call, Operation};
use tollgate_store::{Database, Store, audit::NewAuditEvent};
use uuid::Uuid;

/// How many keys are remembered.
const REMEMBERED: usize = 10_000;
const MOST_SCOPES: usize = 100;
/// How long ago whoever makes a key signed in, in seconds.
pub(super) const RECENT: u64 = 15 * 60;
/// What the id of a service account begins with; ids of users are UUIDs, or have the name of their issuer in front.
const SERVICE: &str = "service:";

/// The API keys of an app. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeys(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) brand: Brand,
    pub(super) keys: Store<ApiKey>,
    pub(super) identity: Option<Identity>,
    pub(super) revoked: Arc<Revoked>,
    pub(super) cache: Cache<Known>,
    pub(super) roles: Arc<Roles>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A key that somebody wants.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// From when on it is good for nothing.
    pub expires: Option<Timestamp>,
    /// Whom it speaks for.
    pub speaks_for: KeyFor,
}

/// Whom a key speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFor {
    /// The service account that has the key's name. Keys with one name speak for the same, so that a key can be replaced
    /// by another.
    Service,
    /// A user of the embedded issuer.
    User(Uuid),
}

impl ApiKeys {
    /// The keys in that database, whose tables are [prepared](Database::prepare), for an app of that name. Without an
    /// embedded issuer there are service accounts only.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn start(
        app: &str,
        roles: Arc<Roles>,
        identity: Option<Identity>,
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let revoked = match &identity {
            Some(identity) => Arc::clone(&identity.0.revoked),
            None => follow_alone(database, clock).await?,
        };
        Ok(Self(Arc::new(Inner {
            brand: Brand::of(app),
            keys: Store::new(Arc::clone(database), Arc::clone(clock)),
            cache: Cache::new(REMEMBERED),
            clock: Arc::clone(clock),
            identity,
            revoked,
            roles,
        })))
    }

    /// Takes over what other instances ended, now, and the keys that the embedded issuer signs with: what is new, or all
    /// of it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn catch_up(&self, all: bool) -> Result<()> {
        match &self.0.identity {
            Some(identity) => identity.0.catch_up_now(all).await,
            None => self.0.revoked.catch_up_now(all).await,
        }
    }

    /// The rows, for whoever has a permission.
    pub fn store(&self) -> &Store<ApiKey> {
        &self.0.keys
    }

    /// Makes a key; answers it and its row. Nobody can read the key again. It is recorded with the row that it was made.
    ///
    /// # Errors
    /// What cannot be asked for, or not by them.
    pub async fn create(&self, may: &May<Create, ApiKey>, new: NewKey) -> Result<(Secret, ApiKey), KeyError> {
        check(may, &new, &self.0.roles)?;
        check_signed_in(may.actor(), self.0.clock.unix())?;
        let subject = self.subject(&new).await?;
        let (key_id, key) = self.0.brand.make()?;
        let NewKey { name, scopes, expires, .. } = new;
        let hash = hash(key.reveal().as_bytes()).into();
        let said = format!("for {subject}: {}", scopes.join(" "));
        let event = NewAuditEvent::new(may.actor(), "create", "api_keys").of_row(&key_id).because(said);
        let new = NewApiKey { key_id, name, subject, scopes, expires, last_used: None, hash };
        let row = self.0.keys.transaction(async |tx| {
            let keys = self.0.keys.on(&tx)?;
            let row = keys.insert(may, new).await?;
            keys.record(may.actor(), event).await?;
            Ok::<_, KeyError>(row)
        });
        Ok((key, row.await?))
    }

    /// The keys that somebody made for service accounts: they do not end with whoever made them.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn made_for_services_by(&self, creator: &str) -> Result<Vec<ApiKey>> {
        let may = System::because("an operator learns which keys outlast their maker").may();
        let theirs = ApiKey::CREATOR.eq(creator) & ApiKey::SUBJECT.starts_with(SERVICE);
        Ok(self.0.keys.find(&may, theirs).all().await?)
    }

    /// Ends a key: here at once, on other instances within a second. It is recorded with its removal.
    ///
    /// # Errors
    /// [`KeyError::NotFound`].
    pub async fn revoke(&self, may: &May<Delete, ApiKey>, id: &str) -> Result<(), KeyError> {
        let event = NewAuditEvent::new(may.actor(), "revoke", "api_keys").of_row(&id);
        let removed = self.0.keys.transaction(async |tx| {
            let keys = self.0.keys.on(&tx)?;
            match keys.delete(may, id.to_owned()).await {
                Err(tollgate_store::Error::NotFound) => return Err(KeyError::NotFound(id.to_owned())),
                done => done?,
            }
            keys.record(may.actor(), event).await?;
            Ok(self.0.revoked.note(Ended::Key(id), &tx).await?)
        });
        self.0.revoked.apply([removed.await?]);
        Ok(())
    }

    /// Whom the key will speak for, if they may do what it is for.
    async fn subject(&self, new: &NewKey) -> Result<String, KeyError> {
        let KeyFor::User(id) = new.speaks_for else { return Ok(format!("{SERVICE}{}", new.name)) };
        let Some(Identity(issuer)) = &self.0.identity else { return Err(KeyError::NoUser) };
        let user = issuer.users.active(id).await?.ok_or(KeyError::NoUser)?;
        check_within(&new.scopes, issuer.users.actor(&user).grants())?;
        Ok(id.to_string())
    }
}

fn check(may: &May<Create, ApiKey>, new: &NewKey, roles: &Roles) -> Result<(), KeyError> {
    if may.actor().key().is_some() {
        return Err(KeyError::ByKey);
    }
    if may.actor().client().is_some() {
        return Err(KeyError::ByClient);
    }
    let is_own = matches!(new.speaks_for, KeyFor::User(id) if own_id(may.actor()) == Some(id));
    if !is_own && !matches!(may.rows(), Rows::All) {
        return Err(KeyError::Others);
    }
    let is_name = |name: &str| name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
    if new.speaks_for == KeyFor::Service && !is_name(&new.name) {
        return Err(KeyError::Name);
    }
    if new.scopes.is_empty() || new.scopes.len() > MOST_SCOPES {
        return Err(KeyError::Scopes);
    }
    new.scopes.iter().try_for_each(|scope| roles.check_permission(scope)).map_err(KeyError::NoPermission)?;
    check_within(&new.scopes, may.actor().grants())
}

/// A key outlives whatever it was asked for with: a session that somebody left open, a token that was stolen. So a person,
/// of this app or of a provider, has just signed in.
fn check_signed_in(actor: &Actor, now: u64) -> Result<(), KeyError> {
    let is_recent = |at: u64| at.abs_diff(now) <= RECENT;
    let is_person = own_id(actor).is_some() || is_of_a_provider(actor.id());
    if is_person && !actor.signed_in_at().is_some_and(is_recent) { Err(KeyError::NotRecent) } else { Ok(()) }
}

fn check_within(scopes: &[String], most: &Grants) -> Result<(), KeyError> {
    let more = scopes.iter().find(|scope| !most.include(scope));
    more.map_or(Ok(()), |scope| Err(KeyError::More(scope.clone())))
}

/// Whether that is how people of a provider are called: no other id has a `|`.
fn is_of_a_provider(id: &str) -> bool {
    id.contains('|')
}

/// What is kept of a key.
pub(super) fn hash(key: &[u8]) -> Hash {
    Hash::of(&[b"api key", key])
}

/// Whether a key speaks for a service account.
pub(super) fn is_service(subject: &str) -> bool {
    subject.starts_with(SERVICE)
}

/// What ended elsewhere, where no issuer asks for it.
async fn follow_alone(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Result<Arc<Revoked>, Error> {
    let no_tokens = ("", Duration::ZERO);
    let revoked = Arc::new(Revoked::new(database, clock, no_tokens, &Arc::new(Revocations::default())));
    revoked.follow(true).await?;
    follow(&revoked);
    Ok(revoked)
}

impl Argument for ApiKeys {
    // Passwords and keys are kept nowhere, and what ends with a change is told once that is committed.
    const REPEATABLE: bool = false;

    fn describe(operation: &mut Operation<'_>) {
        operation.uses::<ApiKey>();
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.extension()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}
