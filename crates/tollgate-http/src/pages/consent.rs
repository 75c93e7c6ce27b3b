//! Pages of the embedded identity provider for those who are signed in: whom do they let in, and out of what?

use serde::Serialize;

/// Asks whether a client may have what it wants.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConsentPage {
    /// The client's name.
    pub client: String,
    /// Who is asked.
    pub email: String,
    /// Their id; sent along with the form, for somebody else may sign in meanwhile.
    pub user: String,
    /// Where somebody else signs in.
    pub another: String,
    /// What it wants.
    pub wants: Vec<Want>,
    /// Where the browser goes afterwards: an origin, or the scheme of an app.
    pub to: String,
    /// Where people withdraw what they allowed; of an app of the app's own, it ends with signing out.
    pub apps: Option<String>,
    /// Who vouches for the client, in a few words.
    pub registered: String,
    /// Where the form is sent, with the answer: `allow` or `deny`.
    pub action: String,
    /// The client's request; sent along with the form.
    pub request: String,
    /// What would be granted, as the page shows it; sent along with the form.
    pub scope: String,
}

impl ConsentPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "consent.html";
}

/// Something that a client wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Want {
    /// In words, as in `Read movies`.
    pub title: String,
    /// Its scopes, as in `read:movies`.
    pub scope: String,
    /// What that means, in a sentence.
    pub about: String,
    /// Whether it is refused, for whoever is asked does not have it.
    pub withheld: bool,
}

/// The clients that somebody allowed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AppsPage {
    /// Who is signed in.
    pub email: String,
    /// What they allowed.
    pub apps: Vec<AllowedApp>,
    /// Where the form is sent, with the `client` to withdraw from.
    pub action: String,
}

impl AppsPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "apps.html";
}

/// A client that somebody allowed.
#[derive(Debug, Clone, Serialize)]
pub struct AllowedApp {
    /// Its `client_id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may.
    pub scopes: Vec<String>,
    /// The day on which it was allowed.
    pub since: String,
}

/// Asks whether somebody wants to sign out, where a client asks for it and cannot show that they do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SignOutPage {
    /// The name of the client that asks, if one does.
    pub client: Option<String>,
    /// Who is signed in.
    pub email: String,
    /// Where the form is sent.
    pub action: String,
    /// What is sent along: name and value.
    pub fields: Vec<(String, String)>,
}

impl SignOutPage {
    /// The template to fill.
    pub const TEMPLATE: &str = "sign-out.html";
}
