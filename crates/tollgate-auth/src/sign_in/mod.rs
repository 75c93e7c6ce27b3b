//! Who is signed in with this browser, and how do they get in and out?
//!
//! ```text
//! GET, POST /auth/login           login.rs     a password → a session, or one more step
//! GET, POST /auth/code            code.rs      a code → a session              step.rs      half way in
//! POST /auth/logout                                                            sessions.rs  the session and its row
//! GET, POST /auth/password        password.rs  another password                cookies.rs   what browsers keep for us
//! GET, POST /auth/forgot, /reset  reset.rs     another one without the first   origin.rs    which pages are ours
//! GET, POST /auth/second-factor   enrol.rs     an authenticator app            form.rs      what these pages share
//! GET, POST /auth/sessions        elsewhere.rs where else am I signed in?
//! with a provider                 provider/    off to it, back with a code, and a session
//! ```

mod code;
mod cookies;
mod elsewhere;
mod enrol;
mod form;
mod login;
mod origin;
mod password;
mod provider;
mod reset;
mod sessions;
mod step;

pub(crate) use cookies::Cookies;
pub(crate) use login::{LOGIN, policy};
pub(crate) use origin::Origins;
pub use origin::is_loopback;
pub use provider::{CALLBACK, ProviderSession, ProviderSignIn, SignInConfig};
pub use sessions::Session;
pub(crate) use sessions::{From, Sessions};

use crate::issuer::Routes;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tollgate_core::Problem;
use tollgate_http::Refusal;

/// The routes of the sign-in pages.
pub(crate) fn routes() -> Routes {
    vec![
        (LOGIN, get(login::page).post(login::sign_in)),
        (code::CODE, get(code::page).post(code::check)),
        ("/auth/logout", post(login::sign_out)),
        (password::PASSWORD, get(password::page).post(password::change)),
        (reset::FORGOT, get(reset::forgot_page).post(reset::forgot)),
        (reset::RESET, get(reset::page).post(reset::reset)),
        (elsewhere::SESSIONS, get(elsewhere::page).post(elsewhere::end)),
        (enrol::SECOND_FACTOR, get(enrol::page).post(enrol::change)),
    ]
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
