//! Refresh families in the database.
//!
//! A swap is one statement that names the version it expects, so that of two instances one wins. Time is the shared
//! clock of this process: not every database tells its own through a store. Instances must therefore agree on the time
//! to within the grace, as they must for tokens anyway.

use super::refresh::{Answer, Death, Families, Family, FamilyId, Grant, Retired};
use crate::{error::Error, records::Records, token::Hash};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter};

/// The refresh tokens of one sign-in.
#[resource(plural = "auth_refreshes")]
pub struct RefreshFamily {
    /// Names the family; part of its tokens.
    #[id]
    pub family: String,
    /// Who signed in.
    #[index]
    pub subject: String,
    /// To which client.
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
    clock: Arc<dyn Clock>,
}

impl StoredFamilies {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        Self { records: Records::new(database, clock, "clients stay signed in"), clock: Arc::clone(clock) }
    }

    async fn end(&self, family: String, death: Death) -> Result<(), tollgate_store::Error> {
        let patch = RefreshFamilyPatch { dead: Change::Set(Some(written(death).to_owned())), ..Default::default() };
        self.records.change(family, RefreshFamily::DEAD.is_null(), patch).await.map(drop)
    }
}

impl Families for StoredFamilies {
    fn now(&self) -> Answer<'_, Timestamp> {
        Box::pin(async { Ok(self.clock.now()) })
    }

    /// Those that have expired are swept out on the way.
    fn create(&self, id: FamilyId, family: Family) -> Answer<'_, ()> {
        Box::pin(async move {
            self.records.delete(RefreshFamily::EXPIRES.lte(self.clock.now())).await?;
            let new = NewRefreshFamily {
                family: id.reveal(),
                subject: family.grant.user,
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
        Box::pin(async move { Ok(self.end(id.reveal(), death).await?) })
    }

    /// One by one: each raises the version of its family, so that no rotation under way outruns it.
    fn kill_all<'s>(&'s self, user: &'s str, death: Death) -> Answer<'s, ()> {
        Box::pin(async move {
            let alive: Filter<_> = RefreshFamily::SUBJECT.eq(user) & RefreshFamily::DEAD.is_null();
            for row in self.records.find(alive).await? {
                self.end(row.family, death).await?;
            }
            Ok(())
        })
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
        grant: Grant { user: row.subject, client: row.client, scope: row.scope },
        expires: row.expires,
        dead: row.dead.map(death),
        current,
        retired,
        version,
    })
}
