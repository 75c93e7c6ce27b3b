//! `POST /api/me/password`: the API for one's own account.

use super::{Accounts, UserError};
use crate::users::{PROVIDER, User};
use axum::http::HeaderMap;
use tollgate_access::Actor;
use tollgate_core::Secret;
use tollgate_http::{Axum, Json, NoContent, Service};
use tollgate_macros::input;
use uuid::Uuid;

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
) -> Result<NoContent, UserError> {
    let user = accounts.of(&actor).await?;
    let session = accounts.0.sessions.find(&headers).await?.filter(|session| session.user_id == user.user_id);
    accounts.change_password(&user, Secret::from(change.current), Secret::from(change.new), session.as_ref()).await?;
    Ok(NoContent)
}

impl Accounts {
    /// The account of a caller.
    async fn of(&self, actor: &Actor) -> Result<User, UserError> {
        let id = Uuid::parse_str(actor.id()).ok().filter(|_| actor.provider() == Some(PROVIDER));
        self.0.users.get(id.ok_or(UserError::Elsewhere)?).await
    }
}

/// The routes for one's own account.
pub(crate) fn me_service(service: Service) -> Service {
    let about =
        "Changes one's own password.\n\nAll other sessions and all tokens end, also the one that this is sent with.";
    service.named("identity_change_password", about).post("/api/me/password", change_password)
}
