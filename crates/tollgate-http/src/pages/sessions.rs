//! The page on which people see where they are signed in, and end what is not them.

use jiff::Timestamp;
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
    /// Where they change their password, if the app itself knows it.
    pub password: Option<String>,
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

/// A time to the minute, as in `3 Nov 2026, 10:40 UTC`.
pub fn minute(time: Timestamp) -> String {
    time.strftime("%-d %b %Y, %H:%M UTC").to_string()
}
