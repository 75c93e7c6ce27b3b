//! The sign-in page: a password of the app itself, or other providers; and the page on the way out to one.

use serde::Serialize;

/// What the sign-in page shows.
#[derive(Debug, Clone, Serialize)]
pub struct SignInPage {
    /// Host and port of this app.
    pub host: String,
    /// Why the last try failed, in the same words for a wrong password and an unknown user.
    pub error: Option<String>,
    /// What went well before.
    pub notice: Option<String>,
    /// The e-mail address of the last try.
    pub email: String,
    /// Where the form is sent.
    pub action: String,
    /// Where to go afterwards; sent along with the form. The caller sees to it that it stays on this origin.
    pub return_to: String,
    /// Where a forgotten password is reset.
    pub reset: Option<String>,
    /// Whether only users of the app itself can go there, so that no provider is offered.
    pub users_alone: bool,
}

impl SignInPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "sign-in.html";
}

impl Default for SignInPage {
    /// A first try: `/auth/login`, then the home page.
    fn default() -> Self {
        Self {
            host: String::new(),
            error: None,
            notice: None,
            email: String::new(),
            action: "/auth/login".into(),
            return_to: "/".into(),
            reset: None,
            users_alone: false,
        }
    }
}

/// On the way to sign out at a provider as well.
#[derive(Debug, Clone, Serialize)]
pub struct LeavingPage {
    /// Where that is.
    pub place: String,
}

impl LeavingPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "leaving.html";
}

/// An identity provider to sign in through.
#[derive(Debug, Clone, Serialize)]
pub struct Provider {
    /// Its name in addresses and configuration, as in `google`: `/auth/login/google`.
    pub id: String,
    /// Its name for people, as in `Google`.
    pub label: String,
}
