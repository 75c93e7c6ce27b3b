//! `POST /api/me/password`: the API for one's own account.
//!
//! For people themselves: an API key, or an application of others, that could try passwords would be a second way to guess
//! at one, and could keep its user from changing it.

use super::{Accounts, UserError};
use crate::users::{User, own_id};
use axum::http::HeaderMap;
use tollgate_access::Actor;
use tollgate_core::{Fault, Problem, Result, Secret};
use tollgate_http::{Axum, Json, NoContent, Service};
use tollgate_macros::input;

/// A password, and the one in its place.
#[input]
pub(crate) struct PasswordChange {
    /// The password until now.
    pub current: String,
    /// The password from now on.
    pub new: String,
}

/// Changes one's own password.
async fn change_password(
    actor: Actor,
    accounts: Accounts,
    Axum(headers): Axum<HeaderMap>,
    Json(change): Json<PasswordChange>,
) -> Result<NoContent> {
    let user = accounts.of(&actor).await?;
    let session = accounts.0.sessions.find(&headers).await?.filter(|session| session.is_of(&user));
    let [current, new] = [change.current, change.new].map(Secret::from);
    accounts.change_password(&user, current, new, session.as_ref()).await.map_err(at_its_field)?;
    Ok(NoContent)
}

/// Here the password that may be unfit is the field `new`.
fn at_its_field(error: UserError) -> Problem {
    match error {
        UserError::Password(unfit) => Problem::invalid(vec![Fault::at("#/new", unfit.to_string())]),
        other => other.into(),
    }
}

impl Accounts {
    /// The account of a caller in person.
    async fn of(&self, actor: &Actor) -> Result<User, UserError> {
        if actor.key().is_some() || actor.client().is_some() {
            return Err(UserError::NotInPerson);
        }
        self.0.users.get(own_id(actor).ok_or(UserError::Elsewhere)?).await
    }
}

/// The routes for one's own account.
pub(crate) fn me_service(service: Service) -> Service {
    let about =
        "Changes one's own password.\n\nAll other sessions and all tokens end, also the one that this is sent with.";
    service.post("/api/me/password", change_password).named("identity_change_password", about)
}
