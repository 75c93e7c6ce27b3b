//! Links with which somebody chooses a new password: one use, for an hour, kept as a hash.

use crate::{error::Result, random::random_text, records::Records, token::Hash};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_macros::resource;
use tollgate_store::Database;
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
    pub(crate) async fn issue(&self, user_id: Uuid) -> Result<String> {
        let now = self.clock.now();
        self.records.delete(ResetLink::EXPIRES.lte(now)).await?;
        let secret = random_text()?;
        self.records.insert(NewResetLink { link: name(&secret), user_id, expires: now + LIFETIME }).await?;
        Ok(secret)
    }

    /// Whose it is, if it is good.
    pub(crate) async fn find(&self, secret: &str) -> Result<Option<Uuid>> {
        let link = self.records.get(name(secret)).await?.filter(|link| self.clock.now() < link.expires);
        Ok(link.map(|link| link.user_id))
    }

    /// Uses a link up; whether nobody was faster.
    pub(crate) async fn spend(&self, secret: &str) -> Result<bool> {
        Ok(self.records.delete(ResetLink::LINK.eq(name(secret))).await? == 1)
    }

    /// Ends the links of a user.
    pub(crate) async fn end_all(&self, user_id: Uuid) -> Result<()> {
        self.records.delete(ResetLink::USER_ID.eq(user_id)).await?;
        Ok(())
    }
}

fn name(secret: &str) -> String {
    Hash::of(&[b"reset link", secret.as_bytes()]).into()
}
