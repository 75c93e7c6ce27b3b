//! Pages of the app's own: a template in the look of the framework's, filled by a handler.
//!
//! A template `{% extends "base.html" %}` and fills its blocks `title` and `content`; the app brings it along with
//! `App::template`. A handler asks for the [`View`], which knows who is signed in, and answers its [`Html`]:
//!
//! ```
//! # use tollgate_http::{Html, Service, View};
//! # use tollgate_access::Actor;
//! # use tollgate_core::Result;
//! async fn shelf(_: Actor, view: View) -> Result<Html> {
//!     view.render("shelf.html", serde_json::json!({ "books": ["Lorem", "Ipsum"] }))
//! }
//! let service = Service::new("books").page("/shelf", shelf).link("/shelf", "Books");
//! ```
//!
//! Invariant: a page carries no inline style, script or handler; its [`POLICY`](crate::pages::POLICY) would let none
//! work.

use crate::{
    Answer, Argument, Call, Operation,
    pages::{Frame, Pages, Person, html, sign_in_and_back},
    refusal::wants_page,
};
use axum::{
    body::Bytes,
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tollgate_core::Result;

/// Fills templates for whoever asks.
pub struct View {
    pages: Arc<Pages>,
    frame: Frame,
}

tollgate_core::debug_by_name!(View);

/// What a template gets: what a handler says, and what surrounds it.
#[derive(Serialize)]
struct Shown<'a, C> {
    frame: &'a Frame,
    #[serde(flatten)]
    content: C,
}

impl View {
    /// The page that the template makes of the content: an object, whose members are the template's variables. `frame`
    /// is the top bar's.
    ///
    /// # Errors
    /// 500 if there is no such template, or the content lacks what it asks for.
    pub fn render(&self, template: &str, content: impl Serialize) -> Result<Html> {
        self.pages.render(template, Shown { frame: &self.frame, content }).map(Html)
    }
}

impl Argument for View {
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        operation.shows_who_asks = true;
    }

    async fn take(call: &mut Call) -> Result<Self> {
        let actor = call.actor().await?;
        let pages: Arc<Pages> = call.extension()?;
        let here = call.head.uri.path().to_owned();
        let frame = Frame { person: Person::of(&actor), nav: pages.nav(&actor), here, ..Frame::default() };
        Ok(Self { pages, frame })
    }
}

/// A page.
#[derive(Clone, Debug)]
pub struct Html(String);

impl Answer for Html {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_as(StatusCode::OK, "A page.", "text/html", &json!({ "type": "string" }));
    }

    fn answer(self) -> Response {
        html(self.0)
    }
}

/// A file to be kept: its name, its media type and what is in it.
#[derive(Clone, Debug)]
pub struct Download {
    name: &'static str,
    media_type: &'static str,
    content: Bytes,
}

impl Download {
    /// A file that is kept under that name, as in `cases.csv` (letters, digits, `.`, `-` and `_`), of that media type, as in
    /// `text/csv`; text is UTF-8.
    pub fn new(name: &'static str, media_type: &'static str, content: impl Into<Bytes>) -> Self {
        Self { name, media_type, content: content.into() }
    }
}

impl Answer for Download {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_as(StatusCode::OK, "A file.", "*/*", &json!({ "type": "string" }));
    }

    fn answer(self) -> Response {
        let kept = format!("attachment; filename=\"{}\"", self.name);
        let charset = if self.media_type.starts_with("text/") { "; charset=utf-8" } else { "" };
        let media_type = format!("{}{charset}", self.media_type);
        ([(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, kept)], self.content).into_response()
    }
}

/// Sends a person who is not signed in to the sign-in, and then back. A program is told 401.
pub(crate) async fn sign_in_first(request: Request, next: Next) -> Response {
    let back = wants_page(request.headers()).then(|| request.uri().path_and_query().map(ToString::to_string));
    let response = next.run(request).await;
    match back.flatten() {
        Some(back) if response.status() == StatusCode::UNAUTHORIZED => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, sign_in_and_back(&back))]).into_response()
        }
        _ => response,
    }
}
