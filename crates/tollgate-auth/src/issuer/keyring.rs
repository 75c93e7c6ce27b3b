//! Our own keys: made at the first start, kept in the database, the same for all instances.
//!
//! Each signing key says from when on it signs. That is all the state there is: whoever reads the same rows at the same
//! time comes to the same keys, so nothing has to be agreed on.
//!
//! ```text
//! made ── published ── signs from here ── the next one signs ── its last token has expired ── deleted
//!         └─ 10 min ─┘                    └───────── a day ────────────┘
//! ```
//! Published ten minutes ahead, for others may keep our key set for five; so a rotation costs nobody a request. A key that
//! became known to others is replaced at once instead, with everything it signed.
//!
//! Two instances that make the same key write the same row; one of them loses, and reads the other's.

use super::config::LONGEST_ACCESS;
use crate::{
    error::{Error, Result},
    random::random,
    records::Records,
    token::{Keys, Object, SigningKey, Type, Unverified},
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter};

/// A key of ours.
#[resource(plural = "auth_keys", audited)]
pub struct StoredKey {
    /// What it is: `secret`, or `signing-1` and so on.
    #[id]
    pub key: String,
    /// The key in base64: 32 bytes, or a PKCS #8 document (RFC 5208).
    #[hidden]
    pub material: String,
    /// Whether it is no longer used, nor what it signed.
    pub retired: bool,
    /// From when on it signs; from the beginning if that is not said.
    pub signs_from: Option<Timestamp>,
    /// When it was made.
    #[created_at]
    pub created_at: Timestamp,
}

/// The row of the secret that other secrets are derived from.
const SECRET: &str = "secret";
/// The rows of signing keys begin with this.
const SIGNING: &str = "signing-";

/// How long a key is published before it signs: twice as long as others keep our key set.
const LEAD: SignedDuration = SignedDuration::from_mins(10);
/// How long a key is published after it signed last: as long as its tokens live, and as clocks may differ.
const AFTERLIFE: Duration = Duration::from_secs(LONGEST_ACCESS.as_secs() + 120);

/// A key that signs, did or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its `kid`.
    pub id: String,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Whether it signs now.
    pub signs: bool,
}

/// The keys in use.
pub(crate) struct Keyring {
    records: Records<StoredKey>,
    clock: Arc<dyn Clock>,
    /// How long a key signs.
    lifetime: Duration,
    secret: hmac::Key,
    /// Those that tokens are checked with.
    verifying: Keys,
    ring: RwLock<Arc<Ring>>,
}

/// The signing keys, in the order in which they sign.
struct Ring {
    keys: Vec<Arc<RingKey>>,
    /// As they are published (RFC 7517).
    published: Value,
}

struct RingKey {
    name: String,
    signs_from: Timestamp,
    key: SigningKey,
}

impl Keyring {
    /// Reads the keys, after making those that are missing.
    pub(crate) async fn open(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, lifetime: Duration) -> Result<Self> {
        let records = Records::new(database, clock, "the issuer keeps its keys");
        let secret = match records.get(SECRET.to_owned()).await? {
            Some(row) => row,
            None => add(&records, SECRET, &random::<32>()?, None).await?,
        };
        if records.find(signing()).await?.is_empty() {
            add(&records, &format!("{SIGNING}1"), &make().await?, None).await?;
        }
        let keyring = Self {
            records,
            clock: Arc::clone(clock),
            lifetime,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &material(&secret)?),
            verifying: Keys::fixed(vec![]),
            ring: RwLock::new(Arc::new(Ring { keys: vec![], published: Value::Null })),
        };
        keyring.follow().await?;
        Ok(keyring)
    }

    /// 32 secret bytes for that purpose: the same for all instances, and after a restart.
    pub(crate) fn secret_for(&self, purpose: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.secret, purpose.as_bytes()).as_ref());
        bytes
    }

    /// The keys that tokens are checked with; they follow.
    pub(crate) fn verifying(&self) -> Keys {
        self.verifying.clone()
    }

    /// The keys as others read them (RFC 7517).
    pub(crate) fn published(&self) -> String {
        self.ring().published.to_string()
    }

    /// A token of that `typ`, signed with the key whose turn it is.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String> {
        let ring = self.ring();
        let current = ring.current(self.clock.now()).ok_or(Error::Damaged("auth_keys"))?;
        Ok(current.key.sign(typ, claims)?)
    }

    /// What an ID token of ours says, however long ago it expired. `None` if we did not sign it, or the key is deleted.
    pub(crate) fn id_token(&self, token: &[u8]) -> Option<Object> {
        let token = Unverified::read(token).ok()?;
        let ring = self.ring();
        let key = ring.keys.iter().find(|key| token.kid.as_deref() == Some(key.key.kid()))?.key.verifying().ok()?;
        let is_ours = token.kind == Type::Jwt
            && token.algorithm == key.algorithm()
            && key.verifies(token.signed, &token.signature);
        is_ours.then_some(token.claims)
    }

    /// Takes over what others did to the keys, makes the next one when that is due, and deletes those that are over.
    pub(crate) async fn follow(&self) -> Result<()> {
        self.read().await?;
        let now = self.clock.now();
        let old = |key: &Arc<RingKey>| key.signs_from.saturating_add(self.lifetime).is_ok_and(|end| end <= now + LEAD);
        if self.ring().keys.last().is_some_and(old) {
            self.rotate().await?;
            tracing::info!("a new signing key was made: the one in use is old");
        }
        Ok(())
    }

    /// Makes the next key, unless there is one; answers from when on it signs.
    pub(crate) async fn rotate(&self) -> Result<Timestamp> {
        self.read().await?;
        let (ring, now) = (self.ring(), self.clock.now());
        if let Some(next) = ring.keys.last().filter(|key| key.signs_from > now) {
            return Ok(next.signs_from);
        }
        let row = add(&self.records, &ring.next_name(), &make().await?, Some(now + LEAD)).await?;
        self.read().await?;
        Ok(begin(&row))
    }

    /// Replaces all keys at once: whatever they signed is dead.
    pub(crate) async fn replace(&self) -> Result<Timestamp> {
        self.read().await?;
        let ring = self.ring();
        let row = add(&self.records, &ring.next_name(), &make().await?, Some(self.clock.now())).await?;
        for key in &ring.keys {
            let retired = StoredKeyPatch { retired: Change::Set(true), ..Default::default() };
            self.records.change(key.name.clone(), Filter::every(), retired).await?;
        }
        self.read().await?;
        Ok(begin(&row))
    }

    /// The signing keys, in the order in which they sign.
    pub(crate) fn list(&self) -> Vec<KeyInfo> {
        let ring = self.ring();
        let current = ring.current(self.clock.now()).map(|key| key.name.as_str());
        let info = |key: &Arc<RingKey>| KeyInfo {
            id: key.key.kid().to_owned(),
            signs_from: key.signs_from,
            signs: current == Some(key.name.as_str()),
        };
        ring.keys.iter().map(info).collect()
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self) -> Result<()> {
        let (mut rows, over): (Vec<_>, _) =
            self.records.find(signing()).await?.into_iter().partition(|row| !row.retired);
        rows.sort_by_key(|row| (begin(row), row.key.len(), row.key.clone()));
        let now = self.clock.now();
        let is_over = |next: &StoredKey| begin(next).saturating_add(AFTERLIFE).is_ok_and(|end| end <= now);
        let first = rows.iter().skip(1).take_while(|next| is_over(next)).count();
        for row in over.iter().chain(&rows[..first]) {
            self.records.remove(row.key.clone()).await?;
        }
        let ring = self.ring();
        if !ring.keys.iter().map(|key| &key.name).eq(rows[first..].iter().map(|row| &row.key)) {
            self.take(ring.with(&rows[first..])?)?;
        }
        Ok(())
    }

    /// What is signed from now on can be checked from now on.
    fn take(&self, ring: Ring) -> Result<()> {
        self.verifying.replace(ring.keys.iter().map(|key| key.key.verifying()).collect::<Result<_, _>>()?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }
}

impl Ring {
    /// The key whose turn it is.
    fn current(&self, now: Timestamp) -> Option<&Arc<RingKey>> {
        self.keys.iter().rev().find(|key| key.signs_from <= now).or(self.keys.first())
    }

    fn next_name(&self) -> String {
        let number = |key: &Arc<RingKey>| key.name[SIGNING.len()..].parse::<u64>().ok();
        format!("{SIGNING}{}", self.keys.iter().filter_map(number).max().unwrap_or(0) + 1)
    }

    /// The ring of these rows; keys that are known are not parsed again.
    fn with(&self, rows: &[StoredKey]) -> Result<Self> {
        let known = |row: &StoredKey| self.keys.iter().find(|key| key.name == row.key).map(Arc::clone);
        let keys = rows.iter().map(|row| known(row).map_or_else(|| read(row).map(Arc::new), Ok));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let published = json!({ "keys": keys.iter().map(|key| key.key.jwk()).collect::<Vec<_>>() });
        Ok(Self { keys, published })
    }
}

fn signing() -> Filter<StoredKey> {
    StoredKey::KEY.starts_with(SIGNING)
}

fn begin(row: &StoredKey) -> Timestamp {
    row.signs_from.unwrap_or(row.created_at)
}

/// A new signing key, made beside the threads that serve requests: it takes up to a second.
async fn make() -> Result<Vec<u8>> {
    let made = tokio::task::spawn_blocking(|| SigningKey::generate()?.to_pkcs8());
    Ok(made.await.map_err(|lost| Error::Hashing(lost.into()))??)
}

/// Adds a key; the one of another instance, if that was faster.
async fn add(
    records: &Records<StoredKey>,
    key: &str,
    material: &[u8],
    signs_from: Option<Timestamp>,
) -> Result<StoredKey> {
    let new = NewStoredKey { key: key.to_owned(), material: STANDARD.encode(material), retired: false, signs_from };
    match records.insert(new).await {
        Err(tollgate_store::Error::Conflict { .. }) => {
            records.get(key.to_owned()).await?.ok_or(Error::Damaged("auth_keys"))
        }
        other => Ok(other?),
    }
}

fn read(row: &StoredKey) -> Result<RingKey> {
    let key = SigningKey::from_pkcs8(&material(row)?)?;
    Ok(RingKey { name: row.key.clone(), signs_from: begin(row), key })
}

fn material(row: &StoredKey) -> Result<Vec<u8>> {
    STANDARD.decode(&row.material).map_err(|_| Error::Damaged("auth_keys"))
}
