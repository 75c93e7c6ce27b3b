//! What did people allow to other people's clients?
//!
//! One row for a person and a client. Its grant names every access token that was given under it, so that withdrawing
//! ends them on every instance (`revoked.rs`); who allows the same again later gets another grant. What is recorded is not
//! the row but what they did: `allow_client`, `withdraw_client`.

use crate::{error::Result, records::Records};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter, Transaction};
use uuid::Uuid;

use super::{mint::Mint, scope};

/// What somebody allowed to a client.
#[resource(plural = "auth_consents")]
pub struct Consent {
    /// Who and whom, as in `0198f5b4-… recorder`.
    #[id]
    pub consent: String,
    /// Who allowed it.
    #[index]
    pub user_id: Uuid,
    /// To whom.
    #[index]
    pub client: String,
    /// What, in scopes.
    pub scope: String,
    /// Names what was given under it.
    pub grant_id: String,
    /// When.
    #[created_at]
    pub given: Timestamp,
    /// When it last changed.
    #[updated_at]
    pub updated_at: Timestamp,
}

/// All consents.
pub(crate) struct Consents(Records<Consent>);

impl Consents {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        Self(Records::new(database, clock, "people allow clients, and withdraw it"))
    }

    /// What a user allowed to a client.
    pub(crate) async fn find(&self, user: Uuid, client: &str) -> Result<Option<Consent>> {
        Ok(self.0.get(name(user, client)).await?)
    }

    /// What a user allowed, by client.
    pub(crate) async fn of(&self, user: Uuid) -> Result<Vec<Consent>> {
        let mut all = self.0.find(Consent::USER_ID.eq(user)).await?;
        all.sort_by(|a, b| a.client.cmp(&b.client));
        Ok(all)
    }

    /// Keeps that a user allows these scopes, besides what they allowed before.
    pub(crate) async fn allow(&self, user: Uuid, client: &str, scope: &str, on: &Transaction) -> Result<()> {
        let records = self.0.on(on)?;
        if let Some(known) = records.get(name(user, client)).await? {
            return widen(&records, &known, scope).await;
        }
        let new = NewConsent {
            consent: name(user, client),
            user_id: user,
            client: client.to_owned(),
            scope: scope.to_owned(),
            grant_id: Mint::new_id(),
        };
        match records.insert(new).await {
            // A second click was faster.
            Ok(_) | Err(tollgate_store::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets what a user allowed to a client; answers what it was.
    pub(crate) async fn remove(&self, user: Uuid, client: &str, on: &Transaction) -> Result<Option<Consent>> {
        let records = self.0.on(on)?;
        let known = records.get(name(user, client)).await?;
        records.remove(name(user, client)).await?;
        Ok(known)
    }

    /// Forgets what a user who is removed allowed.
    pub(crate) async fn remove_user(&self, user: Uuid, on: &Transaction) -> Result<()> {
        self.0.on(on)?.delete(Consent::USER_ID.eq(user)).await?;
        Ok(())
    }

    /// Forgets what anybody allowed to a client that is removed.
    pub(crate) async fn remove_client(&self, client: &str, on: &Transaction) -> Result<()> {
        self.0.on(on)?.delete(Consent::CLIENT.eq(client)).await?;
        Ok(())
    }
}

async fn widen(records: &Records<Consent>, known: &Consent, scope: &str) -> Result<()> {
    let wider = scope::union(&known.scope, scope);
    if wider != known.scope {
        let patch = ConsentPatch { scope: Change::Set(wider), ..Default::default() };
        records.change(known.consent.clone(), Filter::every(), patch).await?;
    }
    Ok(())
}

fn name(user: Uuid, client: &str) -> String {
    format!("{user} {client}")
}
