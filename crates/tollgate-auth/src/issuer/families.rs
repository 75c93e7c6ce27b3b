//! Refresh families in the database.
//!
//! A swap is one statement that names the version it expects, so that of two instances one wins. Time is the database's,
//! for the clocks of two instances may differ by more than the grace, and one that jumps must end nobody's family.

use super::{
    given::Given,
    refresh::{Answer, Death, Families, Family, FamilyId, Grant, Retired},
    revoked::{Ended, Revoked},
};
use crate::{error::Error, records::Records, token::Hash};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Transaction};
use uuid::Uuid;

/// The refresh tokens of one sign-in.
#[resource(plural = "auth_refreshes")]
pub struct RefreshFamily {
    /// Names the family; part of its tokens.
    #[id]
    pub family: String,
    /// Who signed in.
    #[index]
    pub subject: String,
    /// The version of their row.
    pub user_version: i64,
    /// What it was given under: a session, or what they allowed to the client.
    pub under: String,
    /// To which client.
    #[index]
    pub client: String,
    /// For which scopes.
    pub scope: String,
    /// When it ends, however often it is used.
    #[index]
    pub expires: Timestamp,
    /// Why it ended before: `reuse` or `revoked`.
    pub dead: Option<String>,
    /// The hash of the token that is good now.
    pub current: String,
    /// The tokens that were just used, as JSON.
    pub retired: String,
    /// Counts the changes.
    #[version]
    pub version: i64,
}

/// The families of all sign-ins.
pub(crate) struct StoredFamilies {
    records: Records<RefreshFamily>,
    revoked: Arc<Revoked>,
}

impl StoredFamilies {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, revoked: Arc<Revoked>) -> Self {
        let records = Records::new(database, clock, "clients stay signed in");
        Self { records, revoked }
    }

    /// Removes those of a user who is removed.
    pub(crate) async fn remove_user(&self, user: Uuid, on: &Transaction) -> Result<(), Error> {
        self.records.on(on)?.delete(RefreshFamily::SUBJECT.eq(user.to_string())).await?;
        Ok(())
    }

    /// Removes those of a client that is removed.
    pub(crate) async fn remove_client(&self, client: &str, on: &Transaction) -> Result<(), Error> {
        self.records.on(on)?.delete(RefreshFamily::CLIENT.eq(client)).await?;
        Ok(())
    }

    /// First the access tokens that came of it: whoever finds the family still alive gets more that are dead. Where that
    /// cannot be kept, the family ends all the same.
    async fn end(&self, id: FamilyId, death: Death) -> Result<(), Error> {
        let Some(family) = self.records.get(id.reveal()).await? else { return Ok(()) };
        let revoked = self.revoked.end_of(&family.subject, Ended::Grant(&id.public())).await;
        let patch = RefreshFamilyPatch { dead: Change::Set(Some(written(death).to_owned())), ..Default::default() };
        self.records.change(family.family, RefreshFamily::DEAD.is_null(), patch).await?;
        revoked
    }
}

impl Families for StoredFamilies {
    fn now(&self) -> Answer<'_, Timestamp> {
        Box::pin(async { Ok(self.records.time().await?) })
    }

    /// Those that have expired are swept out on the way.
    fn create(&self, id: FamilyId, family: Family) -> Answer<'_, ()> {
        Box::pin(async move {
            self.records.delete(RefreshFamily::EXPIRES.lte(self.now().await?)).await?;
            let new = NewRefreshFamily {
                family: id.reveal(),
                subject: family.grant.user,
                user_version: family.grant.version,
                under: family.grant.under,
                client: family.grant.client,
                scope: family.grant.scope,
                expires: family.expires,
                dead: family.dead.map(|death| written(death).to_owned()),
                current: family.current.into(),
                retired: serde_json::to_string(&family.retired)?,
            };
            self.records.insert(new).await?;
            Ok(())
        })
    }

    fn load(&self, id: FamilyId) -> Answer<'_, Option<Family>> {
        Box::pin(async move { Ok(self.records.get(id.reveal()).await?.map(read).transpose()?) })
    }

    fn swap(&self, id: FamilyId, next: Family) -> Answer<'_, bool> {
        Box::pin(async move {
            let unchanged = RefreshFamily::VERSION.eq(i64::try_from(next.version)?);
            let patch = RefreshFamilyPatch {
                current: Change::Set(next.current.into()),
                retired: Change::Set(serde_json::to_string(&next.retired)?),
                ..Default::default()
            };
            Ok(self.records.change(id.reveal(), unchanged, patch).await?)
        })
    }

    fn kill(&self, id: FamilyId, death: Death) -> Answer<'_, ()> {
        Box::pin(async move { Ok(self.end(id, death).await?) })
    }
}

impl Grant {
    /// For whom it was given, and under what.
    pub(super) fn given(&self) -> Result<Given, Error> {
        let user = Uuid::parse_str(&self.user).map_err(|_| Error::Damaged("auth_refreshes"))?;
        Ok(Given { user, version: self.version, under: self.under.clone() })
    }
}

fn written(death: Death) -> &'static str {
    match death {
        Death::Reuse => "reuse",
        Death::Revoked => "revoked",
    }
}

fn read(row: RefreshFamily) -> Result<Family, Error> {
    let damaged = Error::Damaged("auth_refreshes");
    let death = |text: String| if text == written(Death::Reuse) { Death::Reuse } else { Death::Revoked };
    let (Ok(current), Ok(retired), Ok(version)) =
        (Hash::try_from(row.current), serde_json::from_str::<Vec<Retired>>(&row.retired), row.version.try_into())
    else {
        return Err(damaged);
    };
    Ok(Family {
        grant: Grant {
            user: row.subject,
            version: row.user_version,
            under: row.under,
            client: row.client,
            scope: row.scope,
        },
        expires: row.expires,
        dead: row.dead.map(death),
        current,
        retired,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tollgate_core::SystemClock;
    use tollgate_store::Memory;

    const ANN: &str = "0198f5b4-7cc8-7000-8000-00000000000a";

    fn store() -> StoredFamilies {
        let (database, clock): (Arc<dyn Database>, Arc<dyn Clock>) =
            (Arc::new(Memory::default()), Arc::new(SystemClock::default()));
        let revoked = Revoked::new(&database, &clock, ("us", Duration::from_hours(1)), &Arc::default());
        StoredFamilies::new(&database, &clock, Arc::new(revoked))
    }

    fn family(user: &str) -> Family {
        Family {
            grant: Grant {
                user: user.into(),
                version: 1,
                under: "session".into(),
                client: "app".into(),
                scope: "read:movies".into(),
            },
            expires: Timestamp::MAX,
            dead: None,
            current: Hash::of(&[b"first"]),
            retired: vec![],
            version: 0,
        }
    }

    fn id(letter: char) -> FamilyId {
        FamilyId::parse(&(letter.to_string().repeat(21) + "A")).unwrap()
    }

    #[tokio::test]
    async fn whoever_saw_an_older_version_swaps_nothing() {
        let families = store();
        families.create(id('a'), family(ANN)).await.unwrap();
        let seen = families.load(id('a')).await.unwrap().unwrap();
        let next = |name: &[u8]| Family { current: Hash::of(&[name]), ..seen.clone() };
        assert!(families.swap(id('a'), next(b"second")).await.unwrap());
        assert!(!families.swap(id('a'), next(b"third")).await.unwrap());
        let stored = families.load(id('a')).await.unwrap().unwrap();
        assert!(stored.current.is(&Hash::of(&[b"second"])));
        families.kill(id('a'), Death::Reuse).await.unwrap();
        assert!(!families.swap(id('a'), Family { dead: None, ..stored }).await.unwrap(), "a death is a change");
        assert!(!families.swap(id('b'), next(b"other")).await.unwrap());
    }

    #[tokio::test]
    async fn the_first_death_stays_and_other_families_live_on() {
        let families = store();
        for (name, user) in [('a', ANN), ('b', ANN), ('c', "0198f5b4-7cc8-7000-8000-00000000000b")] {
            families.create(id(name), family(user)).await.unwrap();
        }
        for (name, death) in [('a', Death::Reuse), ('a', Death::Revoked), ('b', Death::Revoked)] {
            families.kill(id(name), death).await.unwrap();
        }
        for (name, dead) in [('a', Some(Death::Reuse)), ('b', Some(Death::Revoked)), ('c', None)] {
            assert_eq!(families.load(id(name)).await.unwrap().unwrap().dead, dead);
        }
        families.kill(id('d'), Death::Revoked).await.unwrap();
    }
}
