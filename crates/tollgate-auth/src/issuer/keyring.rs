//! Our own keys: made at the first start, kept in the database, the same for all instances.
//!
//! Two instances that start on an empty database make the same row; one of them loses, and reads the other's. The
//! newest key signs; all that are not retired verify, and are published.

use crate::{
    error::{Error, Result},
    random::random,
    records::Records,
    token::{Keys, SigningKey},
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use tollgate_macros::resource;

/// A key of ours.
#[resource(plural = "auth_keys")]
pub struct StoredKey {
    /// What it is: `secret`, or `signing-1` and so on.
    #[id]
    pub key: String,
    /// The key in base64: 32 bytes, or a PKCS #8 document (RFC 5208).
    #[hidden]
    pub material: String,
    /// Whether it is no longer used.
    pub retired: bool,
    /// When it was made.
    #[created_at]
    pub created_at: Timestamp,
}

/// The row of the secret that other secrets are derived from.
const SECRET: &str = "secret";
/// The rows of signing keys begin with this.
const SIGNING: &str = "signing-";

/// The keys in use.
pub(crate) struct Keyring {
    pub(crate) signing: SigningKey,
    /// Those that tokens are checked with.
    pub(crate) verifying: Keys,
    /// Those that are published (RFC 7517).
    pub(crate) published: Value,
    secret: hmac::Key,
}

impl Keyring {
    /// Reads the keys, after making those that are missing.
    pub(crate) async fn open(records: &Records<StoredKey>) -> Result<Self> {
        let secret = match records.get(SECRET.to_owned()).await? {
            Some(row) => row,
            None => add(records, SECRET, &random::<32>()?).await?,
        };
        let signing = StoredKey::KEY.starts_with(SIGNING) & StoredKey::RETIRED.eq(false);
        let mut signing = records.find(signing).await?;
        if signing.is_empty() {
            signing.push(add(records, &format!("{SIGNING}1"), &make().await?).await?);
        }
        signing.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        let mut keys = signing.iter().map(read).collect::<Result<Vec<_>>>()?;
        let verifying = keys.iter().map(SigningKey::verifying).collect::<Result<_, _>>()?;
        Ok(Self {
            verifying: Keys::fixed(verifying),
            published: json!({ "keys": keys.iter().map(SigningKey::jwk).collect::<Vec<_>>() }),
            signing: keys.pop().ok_or(Error::Damaged("auth_keys"))?,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &material(&secret)?),
        })
    }

    /// 32 secret bytes for that purpose: the same for all instances, and after a restart.
    pub(crate) fn secret_for(&self, purpose: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.secret, purpose.as_bytes()).as_ref());
        bytes
    }
}

/// A new signing key, made beside the threads that serve requests: it takes up to a second.
async fn make() -> Result<Vec<u8>> {
    let made = tokio::task::spawn_blocking(|| SigningKey::generate()?.to_pkcs8());
    Ok(made.await.map_err(|lost| Error::Hashing(lost.into()))??)
}

/// Adds a key; the one of another instance, if that was faster.
async fn add(records: &Records<StoredKey>, key: &str, material: &[u8]) -> Result<StoredKey> {
    let new = NewStoredKey { key: key.to_owned(), material: STANDARD.encode(material), retired: false };
    match records.insert(new).await {
        Err(tollgate_store::Error::Conflict { .. }) => {
            records.get(key.to_owned()).await?.ok_or(Error::Damaged("auth_keys"))
        }
        other => Ok(other?),
    }
}

fn read(row: &StoredKey) -> Result<SigningKey> {
    Ok(SigningKey::from_pkcs8(&material(row)?)?)
}

fn material(row: &StoredKey) -> Result<Vec<u8>> {
    STANDARD.decode(&row.material).map_err(|_| Error::Damaged("auth_keys"))
}
