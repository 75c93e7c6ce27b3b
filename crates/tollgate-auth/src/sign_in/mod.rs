//! Who is signed in with this browser, and how do they get in and out?
//!
//! ```text
//! GET, POST /auth/login    login.rs      a password → a session        origin.rs   which pages are ours
//! POST /auth/logout                                                    sessions.rs the cookie and its row
//! with a provider          provider/     off to it, back with a code, and a session
//! ```

mod login;
mod origin;
mod provider;
mod sessions;

pub(crate) use login::{LOGIN, policy};
pub(crate) use origin::{Origins, is_loopback};
pub use provider::{CALLBACK, ProviderPerson, ProviderSession, ProviderSignIn, SignInConfig};
pub use sessions::Session;
pub(crate) use sessions::{From, Sessions};

use crate::identity::Issuer;
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::sync::Arc;
use tollgate_core::Problem;
use tollgate_http::Refusal;

/// The routes of the sign-in pages.
pub(crate) fn router() -> Router<Arc<Issuer>> {
    Router::new().route(LOGIN, get(login::page).post(login::sign_in)).route("/auth/logout", post(login::sign_out))
}

/// The page of a problem.
pub(crate) fn refuse(problem: Problem) -> Response {
    Refusal::from(problem).into_response()
}

/// Sends the browser there with a `GET`, and is never stored: these answers hold codes, or belong to one person.
pub(crate) fn see_other(location: &str) -> Response {
    match HeaderValue::try_from(location) {
        Ok(location) => {
            let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => refuse(Problem::internal().caused_by(error)),
    }
}
