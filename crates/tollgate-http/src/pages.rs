//! What does a person with a browser see?
//!
//! A few pages: the home page, those of the sign-in and a problem. Each is a template with one typed context
//! ([`HomePage`], [`SignInPage`], [`GatePage`], [`ConsentPage`], [`ProblemPage`] and so on); templates, style sheet and script
//! are compiled in, so that a page
//! needs nothing from elsewhere. What callers sent is escaped by the template engine, never by hand.
//!
//! ```
//! # use tollgate_http::pages::{Pages, SignInPage, Site, html};
//! # let site = Site::default();
//! let pages = Pages::new(site);
//! let sign_in = SignInPage { host: "localhost:8000".into(), return_to: "/".into(), ..SignInPage::default() };
//! let response = html(pages.render(SignInPage::TEMPLATE, sign_in)?);
//! assert_eq!(response.headers()["cache-control"], "no-store");
//! # Ok::<_, tollgate_core::Problem>(())
//! ```
//!
//! Invariant: no page carries an inline style, script or handler. [`POLICY`] forbids them, so one that slipped in would
//! be dead in the browser; a test looks for them first.

mod assets;
mod code;
mod consent;
mod gate;
mod home;
mod problem;
mod refused;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;

pub use assets::assets;
pub use code::Part;
pub use consent::{AllowedApp, AppsPage, ConsentPage, SignOutPage, Want};
pub use gate::{FieldKind, GateField, GateForm, GatePage, Scan};
pub use home::{CodeSample, HomePage, Need, NeedState, ServiceEntry, Terminal};
pub use problem::{DevFacts, Facts, ProblemPage, Road};
pub(crate) use refused::refused;
pub use sessions::{BrowserSession, SessionsPage, browser_name, minute};
pub use sign_in::{LeavingPage, Provider, SignInPage};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, tz::TimeZone};
use minijinja::{
    Environment, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};
use serde::{Serialize, Serializer};
use std::fmt;
use tollgate_access::Actor;
use tollgate_core::{Problem, Result};

/// The Content-Security-Policy of every page. `form-action` also governs where a form's answer redirects to.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                          connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const TEMPLATES: [(&str, &str); 11] = [
    ("base.html", include_str!("../templates/base.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    (HomePage::TEMPLATE, include_str!("../templates/home.html")),
    (SignInPage::TEMPLATE, include_str!("../templates/sign-in.html")),
    (GatePage::TEMPLATE, include_str!("../templates/gate.html")),
    (LeavingPage::TEMPLATE, include_str!("../templates/leaving.html")),
    (ConsentPage::TEMPLATE, include_str!("../templates/consent.html")),
    (AppsPage::TEMPLATE, include_str!("../templates/apps.html")),
    (SessionsPage::TEMPLATE, include_str!("../templates/sessions.html")),
    (SignOutPage::TEMPLATE, include_str!("../templates/sign-out.html")),
    (ProblemPage::TEMPLATE, include_str!("../templates/problem.html")),
];

/// What all pages say about the app.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Site {
    /// The app's name for machines, as in `lorem-ipsum`.
    pub name: String,
    /// The app's name for people, as in `Lorem Ipsum`.
    pub title: String,
    /// The app's version.
    pub version: String,
    /// What the app is and offers, in a sentence or two: the first lines of the home page.
    pub about: String,
    /// What the app is, in a few words: ends the footer's "Lorem Ipsum 0.1.0, …".
    pub tagline: Option<String>,
    /// The environment's name, as in `dev`.
    pub environment: String,
    /// Where the data is, without credentials, as in `SQLite in ./data`.
    pub database: String,
    /// The providers that people sign in with.
    pub providers: Vec<Provider>,
    /// Whether nobody has a password of the app itself.
    pub without_passwords: bool,
}

/// What surrounds the content of a page: the top bar.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// Who is signed in.
    pub person: Option<Person>,
    /// The links of the top bar.
    pub nav: Vec<Link>,
    /// Where the Sign in button leads.
    pub sign_in: String,
    /// The path of the page itself: the link to it is marked.
    pub here: String,
}

impl Default for Frame {
    fn default() -> Self {
        let nav = vec![Link::new("/docs", "API docs")];
        Self { person: None, nav, sign_in: "/auth/login?return_to=/".into(), here: String::new() }
    }
}

/// Who is signed in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Person {
    /// The full name.
    pub name: String,
    /// The e-mail address; its first two letters stand for the person where there is little room.
    pub email: String,
    /// Who vouches for the person: `this app`, or a provider's name.
    pub through: String,
    /// The person's roles.
    pub roles: Vec<String>,
    /// The browser session, if that is how the person is known.
    pub session: Option<Session>,
}

impl Person {
    /// The person behind an actor, if one signed in.
    pub fn of(actor: &Actor) -> Option<Self> {
        let known = |text: Option<&str>| text.unwrap_or(actor.id()).to_owned();
        actor.is_signed_in().then(|| Self {
            name: known(actor.name().or(actor.email())),
            email: known(actor.email()),
            through: actor.provider().unwrap_or("a token").to_owned(),
            roles: actor.roles().to_vec(),
            session: None,
        })
    }
}

/// From when until when someone is signed in. Reads as `since 08:12, ends at 20:12 (UTC)`.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// When it began.
    pub since: Timestamp,
    /// When it ends unless the person signs out before.
    pub until: Timestamp,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [since, until] = [self.since, self.until].map(|time| time.to_zoned(TimeZone::UTC));
        let format = if since.date() == until.date() { "%H:%M" } else { "%-d %b, %H:%M" };
        write!(f, "since {}, ends at {} (UTC)", since.strftime(format), until.strftime(format))
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A link and its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: String,
}

impl Link {
    /// A link to `href` that says `label`.
    pub fn new(href: impl Into<String>, label: impl Into<String>) -> Self {
        Self { href: href.into(), label: label.into() }
    }
}

/// A page of the app's own, and what it takes to see it.
#[derive(Debug, Clone)]
pub struct Way {
    /// The way there.
    pub link: Link,
    /// The permissions that the page needs.
    pub permissions: Vec<String>,
}

/// The sign-in, which leads back to that path.
pub(crate) fn sign_in_and_back(path: &str) -> String {
    let back = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
    format!("/auth/login?{back}")
}

/// The templates, with what they all say about the app.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    ways: Vec<Way>,
}

impl Pages {
    /// The pages of that app.
    pub fn new(site: Site) -> Self {
        Self::with(site, vec![], vec![])
    }

    /// The same with templates of the app's own, by name, and the ways to its pages.
    pub fn with(site: Site, own: Vec<(&'static str, &'static str)>, ways: Vec<Way>) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).build().unwrap_or_default());
        let known = move |wanted: &str| {
            let mut all = TEMPLATES.iter().chain(&own);
            all.find(|(name, _)| *name == wanted).map(|(_, source)| *source)
        };
        templates.set_loader(move |wanted| Ok(known(wanted)));
        templates.add_global("site", Serde(site));
        templates.add_global("assets", Value::from_object(assets::Addresses));
        Self { templates, ways }
    }

    /// The links of the top bar for somebody: to the pages that they may see, and to the documentation.
    pub fn nav(&self, actor: &Actor) -> Vec<Link> {
        let may = |way: &&Way| {
            actor.is_signed_in() && way.permissions.iter().all(|permission| actor.grants().include(permission))
        };
        let own = self.ways.iter().filter(may).map(|way| way.link.clone());
        own.chain(Frame::default().nav).collect()
    }

    /// Fills a template, named by its context's `TEMPLATE`.
    ///
    /// Answers 500 if there is none of that name, or if the context lacks what the template asks for.
    pub fn render(&self, template: &str, context: impl Serialize) -> Result<String> {
        let page = self.templates.get_template(template).and_then(|template| template.render(Serde(context)));
        page.map_err(|error| Problem::internal().caused_by(error))
    }
}

/// Answers with a page that is never stored and obeys [`POLICY`].
pub fn html(page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        // Without a referrer, browsers call the origin of a form `null`, and its sender could not be told.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (headers, page).into_response()
}

/// A status as templates read it: `status.code`, `status.reason`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `serialize_with` calls it so")]
fn status<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Status {
        code: u16,
        reason: &'static str,
    }
    let reason = status.canonical_reason().unwrap_or_default();
    Status { code: status.as_u16(), reason }.serialize(serializer)
}
