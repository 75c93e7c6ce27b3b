//! Users: who they are, what roles they have, where they are signed in.
//!
//! For those who may `read:users`, `create:users`, `update:users` and `delete:users`. Nobody touches an account whose roles
//! grant what they cannot do themselves. Who removes the last user with `update:users`, keeps them out or takes that role
//! from them is refused: nobody could take it back.

use super::{AccountChange, Accounts, NewAccount, UserError, me_service};
use crate::{Service, sign_in::Session, users::User};
use tollgate_access::{Create, Delete, May, Read, Update};
use tollgate_core::Result;
use tollgate_http::{Created, Json, List, Located, NoContent, Page, Path, Preconditions, Tagged};
use tollgate_macros::{output, service};
use tollgate_store::Store;
use uuid::Uuid;

/// Lists users.
async fn list(may: May<Read, User>, users: Store<User>, wanted: List<User>) -> Result<Page<User>> {
    wanted.page(&users, &may).await
}

/// Reads a user.
async fn read(may: May<Read, User>, users: Store<User>, Path(id): Path<Uuid>) -> Result<Tagged<User>> {
    Ok(Tagged(users.get(&may, id).await?))
}

/// Adds a user.
///
/// Without a password, they choose one with a reset link; without roles, they get the default one.
async fn create(
    may: May<Create, User>,
    accounts: Accounts,
    Json(new): Json<NewAccount>,
) -> Result<Located<User>, UserError> {
    let made = accounts.create(&may, new).await?;
    let location = format!("/users/{}", made.user_id);
    Ok(Created(made).at(location))
}

/// Changes a user: name, address, roles, or whether they are kept out.
///
/// What is absent stays as it is. Who is kept out is signed out everywhere. Your own address is changed by another admin.
async fn change(
    may: May<Update, User>,
    accounts: Accounts,
    Path(id): Path<Uuid>,
    only: Preconditions,
    Json(change): Json<AccountChange>,
) -> Result<Tagged<User>, UserError> {
    Ok(Tagged(accounts.change_when(&may, id, change, &only).await?))
}

/// Removes a user.
///
/// What they own stays, and is nobody's: no other user ever gets their id.
async fn remove(
    may: May<Delete, User>,
    accounts: Accounts,
    Path(id): Path<Uuid>,
    only: Preconditions,
) -> Result<NoContent, UserError> {
    accounts.remove_when(&may, id, &only).await?;
    Ok(NoContent)
}

/// The browsers in which a user is signed in, the newest first.
async fn sessions(
    _: May<Read, User>,
    accounts: Accounts,
    Path(id): Path<Uuid>,
) -> Result<Json<Vec<Session>>, UserError> {
    Ok(Json(accounts.sessions(id).await?))
}

/// Signs a user out everywhere.
///
/// Ends their sessions, and all tokens of their applications.
async fn sign_out(may: May<Update, User>, accounts: Accounts, Path(id): Path<Uuid>) -> Result<NoContent, UserError> {
    accounts.end_sessions(&may, id).await?;
    Ok(NoContent)
}

/// Signs a user out in one browser.
///
/// Ends that session, and what applications were given under it. Nothing ends where it has ended, or is none of theirs.
async fn end_session(
    may: May<Update, User>,
    accounts: Accounts,
    Path((id, session)): Path<(Uuid, String)>,
) -> Result<NoContent, UserError> {
    accounts.end_session(&may, id, &session).await?;
    Ok(NoContent)
}

/// Makes a link with which a user chooses a new password.
///
/// It is good once, for an hour. Whoever has it can take the account, so nobody makes one for their own: a session or a
/// key would become a password.
async fn reset_link(may: May<Update, User>, accounts: Accounts, Path(id): Path<Uuid>) -> Result<Json<Link>, UserError> {
    Ok(Json(Link { link: accounts.reset_link(&may, id).await? }))
}

/// Takes the second factor from a user who has lost it, and signs them out everywhere.
///
/// One's own is given up at `/auth/second-factor`, with the password.
async fn remove_second_factor(
    may: May<Update, User>,
    accounts: Accounts,
    Path(id): Path<Uuid>,
) -> Result<NoContent, UserError> {
    accounts.remove_second_factor(&may, id).await?;
    Ok(NoContent)
}

/// A link for one person.
#[output]
#[schemars(rename = "PasswordLink")]
struct Link {
    /// Its address.
    link: String,
}

/// The service `users`.
pub fn service() -> Service {
    const USER: &str = "/users/{user_id}";
    const SESSIONS: &str = "/users/{user_id}/sessions";
    let service = service!("users")
        .get("/users", list)
        .post("/users", create)
        .get(USER, read)
        .patch(USER, change)
        .delete(USER, remove)
        .get(SESSIONS, sessions)
        .delete(SESSIONS, sign_out)
        .delete("/users/{user_id}/sessions/{session}", end_session)
        .post("/users/{user_id}/reset-link", reset_link)
        .delete("/users/{user_id}/second-factor", remove_second_factor);
    me_service(service)
}
