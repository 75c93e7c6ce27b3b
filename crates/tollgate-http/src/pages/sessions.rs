//! The page on which people see where they are signed in, and end what is not them.

use serde::Serialize;

/// The browsers in which somebody is signed in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SessionsPage {
    /// Who is signed in.
    pub email: String,
    /// The browsers, this one too.
    pub sessions: Vec<BrowserSession>,
    /// Where the form is sent, with the `session` to end.
    pub action: String,
}

impl SessionsPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "sessions.html";
}

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BrowserSession {
    /// Names it; no secret.
    pub id: String,
    /// What the browser says that it is.
    pub browser: Option<String>,
    /// The address they signed in from, where it is known.
    pub address: Option<String>,
    /// When they signed in, to the minute.
    pub since: String,
    /// Whether it is the browser that looks at the page.
    pub is_this: bool,
}
