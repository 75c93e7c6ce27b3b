//! Links with which somebody chooses a new password: one use, for an hour, kept as a hash.
//!
//! A link is good while its user's row is as it was. So it is used up by the password that it sets, and who gets other
//! roles or another address meanwhile is not taken over by whoever could make a link for them before.

use crate::{error::Result, random::random_text, records::Records, token::Hash, users::User};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_macros::resource;
use tollgate_store::{Database, Transaction};
use uuid::Uuid;

/// How long a link is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// A link that was not used.
#[resource(plural = "auth_links")]
pub struct ResetLink {
    /// The hash of its secret.
    #[id]
    pub link: String,
    /// Whose password it changes.
    #[index]
    pub user_id: Uuid,
    /// The version of their row.
    pub user_version: i64,
    /// Until when.
    #[index]
    pub expires: Timestamp,
}

/// All links.
pub(crate) struct Links {
    records: Records<ResetLink>,
    clock: Arc<dyn Clock>,
}

impl Links {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        Self { records: Records::new(database, clock, "people choose new passwords"), clock: Arc::clone(clock) }
    }

    /// The secret of a new link. Those that have expired are swept out on the way.
    pub(crate) async fn issue(&self, user: &User, on: &Transaction) -> Result<String> {
        let (records, now) = (self.records.on(on)?, self.clock.now());
        records.delete(ResetLink::EXPIRES.lte(now)).await?;
        let secret = random_text()?;
        let (user_id, user_version) = (user.user_id, user.version);
        let new = NewResetLink { link: name(&secret), user_id, user_version, expires: now + LIFETIME };
        records.insert(new).await?;
        Ok(secret)
    }

    /// A link that has not expired.
    pub(crate) async fn find(&self, secret: &str) -> Result<Option<ResetLink>> {
        Ok(self.records.get(name(secret)).await?.filter(|link| self.clock.now() < link.expires))
    }

    /// Removes the links of a user.
    pub(crate) async fn remove_user(&self, user: Uuid, on: &Transaction) -> Result<()> {
        self.records.on(on)?.delete(ResetLink::USER_ID.eq(user)).await?;
        Ok(())
    }
}

fn name(secret: &str) -> String {
    Hash::of(&[b"reset link", secret.as_bytes()]).into()
}
