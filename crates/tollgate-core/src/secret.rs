//! Values that cannot print.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// A text that no log, error or `Debug` shows; wiped from memory when dropped.
///
/// ```
/// let secret = tollgate_core::Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.reveal(), "hunter2");
/// ```
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself. Search for this word to see everything that leaves the type's care.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "writeOnly": true })
    }
}

/// A secret that may be replaced while the app runs: whoever needs it asks for it each time. Clones share it.
///
/// ```
/// use tollgate_core::{LiveSecret, Secret};
/// let password = LiveSecret::from(Secret::from("old"));
/// let shared = password.clone();
/// password.replace("new".into());
/// assert_eq!(shared.get().reveal(), "new");
/// ```
#[derive(Clone)]
pub struct LiveSecret(Arc<Live>);

struct Live {
    now: RwLock<Secret>,
    doubted: Box<dyn Fn() + Send + Sync>,
    followers: Mutex<Vec<Follower>>,
}

/// Told of each new one.
type Follower = Box<dyn Fn(&LiveSecret) + Send + Sync>;

impl LiveSecret {
    /// A secret; `doubted` is called when it was refused somewhere, so that it is looked up before its time.
    pub fn new(secret: Secret, doubted: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Live { now: RwLock::new(secret), doubted: Box::new(doubted), followers: Mutex::default() }))
    }

    /// What it is now.
    pub fn get(&self) -> Secret {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it is this one.
    pub fn replace(&self, new: Secret) {
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        let followers = self.0.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.iter().for_each(|follow| follow(self));
    }

    /// Calls `follow` after each replacement, for whoever has to prepare for a new one. It must not wait, nor keep this
    /// secret.
    pub fn on_replace(&self, follow: impl Fn(&Self) + Send + Sync + 'static) {
        self.0.followers.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(follow));
    }

    /// Says that it was refused: it may have been rotated.
    pub fn doubt(&self) {
        (self.0.doubted)();
    }
}

impl From<Secret> for LiveSecret {
    /// One that nobody looks up again.
    fn from(secret: Secret) -> Self {
        Self::new(secret, || ())
    }
}

impl fmt::Debug for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveSecret(…)")
    }
}
