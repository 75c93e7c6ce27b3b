//! People of providers: who has signed in, and who is kept out here.
//!
//! For those who may `read:users` and `update:users`. A person is named by the issuer and its subject, as in `okta|00u1`,
//! which is `okta%7C00u1` in a path. Their names, addresses and roles are their provider's affair.

use super::{ProviderPeople, ProviderPerson};
use crate::{ProviderSession, Service, UserError, users::User};
use tollgate_access::{May, Read, System, Update};
use tollgate_core::Result;
use tollgate_http::{Json, List, NoContent, Page, Path};
use tollgate_macros::{input, service};

/// Whether somebody comes in.
#[input]
struct Admission {
    /// Whether they are kept out.
    disabled: bool,
}

/// Lists people of providers: who has signed in here, or was kept out or signed out.
async fn list(
    _: May<Read, User>,
    people: ProviderPeople,
    wanted: List<ProviderPerson>,
) -> Result<Page<ProviderPerson>> {
    wanted.page(people.store(), &System::because("who may read users lists those of providers").may()).await
}

/// Reads what is kept of somebody.
async fn read(
    _: May<Read, User>,
    people: ProviderPeople,
    Path(id): Path<String>,
) -> Result<Json<ProviderPerson>, UserError> {
    Ok(Json(people.get(&id).await?))
}

/// Keeps somebody out, or lets them in again.
///
/// They need not have been here. Their sessions end at once, and their tokens on every instance within a second; who is let
/// in again needs a new token.
async fn admit(
    may: May<Update, User>,
    people: ProviderPeople,
    Path(id): Path<String>,
    Json(Admission { disabled }): Json<Admission>,
) -> Result<Json<ProviderPerson>, UserError> {
    Ok(Json(people.keep_out(&may, &id, disabled).await?))
}

/// The browsers in which somebody is signed in, the newest first.
async fn sessions(
    _: May<Read, User>,
    people: ProviderPeople,
    Path(id): Path<String>,
) -> Result<Json<Vec<ProviderSession>>, UserError> {
    Ok(Json(people.sessions(&id).await?))
}

/// Signs somebody out everywhere.
///
/// Ends their sessions, and the tokens that their provider has given them until now.
async fn sign_out(
    may: May<Update, User>,
    people: ProviderPeople,
    Path(id): Path<String>,
) -> Result<NoContent, UserError> {
    people.sign_out(&may, &id).await?;
    Ok(NoContent)
}

/// Signs somebody out in one browser.
///
/// Nothing ends where that session has ended, or is none of theirs.
async fn end_session(
    may: May<Update, User>,
    people: ProviderPeople,
    Path((id, session)): Path<(String, String)>,
) -> Result<NoContent, UserError> {
    people.end_session(&may, &id, &session).await?;
    Ok(NoContent)
}

/// The service `provider_people`.
pub fn service() -> Service {
    const PERSON: &str = "/provider-people/{person_id}";
    const SESSIONS: &str = "/provider-people/{person_id}/sessions";
    service!("provider_people")
        .get("/provider-people", list)
        .get(PERSON, read)
        .put(PERSON, admit)
        .get(SESSIONS, sessions)
        .delete(SESSIONS, sign_out)
        .delete("/provider-people/{person_id}/sessions/{session}", end_session)
}
