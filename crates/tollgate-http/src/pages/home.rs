//! The home page: what this app offers, to whom, and how to ask for it.

use super::{Frame, Link, Part, code, status};
use axum::http::StatusCode;
use serde::Serialize;

/// What the home page shows. To a visitor: what the app is, and the road of a request. To someone signed in: who they
/// are and what they may do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HomePage {
    /// The top bar, and who is signed in.
    pub frame: Frame,
    /// The names of the providers that visitors can sign in through, besides the app itself.
    pub providers: Vec<String>,
    /// A command to try, with its answer.
    pub terminal: Option<Terminal>,
    /// The app's services, in order.
    pub services: Vec<ServiceEntry>,
    /// A handler to look at. Only visitors see it.
    pub sample: Option<CodeSample>,
}

impl HomePage {
    /// The template to fill.
    pub const TEMPLATE: &str = "home.html";
}

/// A command and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Terminal {
    /// What it is good for, as in `Try it without a token`.
    pub title: String,
    /// The command, as it would be pasted.
    pub command: String,
    /// The status of the answer.
    #[serde(serialize_with = "status")]
    pub status: StatusCode,
    /// Headers of the answer worth a look, one per line.
    pub headers: Vec<String>,
    /// The body of the answer: JSON, laid out to be read.
    #[serde(serialize_with = "code::json")]
    pub body: String,
}

/// A service in the list.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceEntry {
    /// The name in addresses, as in `movies`.
    pub name: String,
    /// The name for people, as in `Movies`.
    pub title: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The permissions its routes need.
    pub permissions: Vec<Need>,
    /// The pages of it that whoever looks at the page may see.
    pub links: Vec<Link>,
    /// Where its documentation is.
    pub docs: String,
}

/// A permission that a service needs.
#[derive(Debug, Clone, Serialize)]
pub struct Need {
    /// The permission, as in `read:movies`.
    pub permission: String,
    /// Whether whoever looks at the page has it.
    pub state: NeedState,
}

/// Whether whoever looks at the page has a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NeedState {
    /// Nobody is signed in.
    Needed,
    /// They have it.
    Granted,
    /// They do not.
    Denied,
}

/// The handler behind a route.
#[derive(Debug, Clone, Serialize)]
pub struct CodeSample {
    /// Method and path, as in `POST /movies`.
    pub route: String,
    /// The file it is in.
    pub file: String,
    /// The source.
    pub code: Vec<Part>,
}
