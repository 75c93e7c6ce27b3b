//! An app without a socket, and actors who speak to it.

use crate::{Events, Reply, Served};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, header, request::Parts as Head},
    middleware::map_request,
    response::Response,
};
use serde_json::Value;
use std::{fmt, sync::Arc};
use tollgate::{
    Actor, App, Failure, SystemClock,
    testing::{Assembled, Authenticate, Ground, Identified, assemble, open_at},
};
use tollgate_access::{Grants, Identity, Roles};
use tollgate_core::Clock;
use tollgate_store::{Database, Memory};
use tower::ServiceExt;

/// An app without a socket: its rows in memory, its callers believed.
///
/// ```
/// # use tollgate::prelude::*;
/// # #[resource(plural = "notes")]
/// # /// A note.
/// # pub struct Note { #[id(generated)] pub note_id: i64, #[owner] pub author: String, pub text: String }
/// # fn app() -> App { App::new("notes").service(Service::new("notes").crud::<Note>("/notes")) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use tollgate_testing::TestApp;
/// let app = TestApp::new(app()).await;
/// let (ann, bob) = (app.actor("ann").may("create:notes"), app.actor("bob").may("read:notes"));
/// let note = ann.post("/notes", serde_json::json!({ "text": "Hello" })).await.json();
/// assert_eq!(bob.get(&format!("/notes/{}", note["note_id"])).await.status(), 404);
/// # });
/// ```
pub struct TestApp {
    assembled: Assembled,
    roles: Arc<Roles>,
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").finish_non_exhaustive()
    }
}

/// What to put under an app before it starts.
pub struct Setup {
    app: App,
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    authenticate: Option<Arc<dyn Authenticate>>,
    seed: bool,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("app", &self.app).finish_non_exhaustive()
    }
}

impl TestApp {
    /// The app with an empty database in memory, and the settings it brings along for `dev`.
    ///
    /// # Panics
    /// If the app would not start.
    pub async fn new(app: App) -> Self {
        Self::with(app).start().await
    }

    /// The app with a database, a clock and so on of your choice.
    pub fn with(app: App) -> Setup {
        let clock = Arc::new(SystemClock::default());
        let database = Arc::new(Memory::default());
        Setup { app, database, clock, authenticate: None, seed: false }
    }

    /// Nobody in particular.
    pub fn anyone(&self) -> Client {
        self.client(Identity::anyone())
    }

    /// Somebody who is signed in and may do nothing yet: say what with [`may`](Client::may) or
    /// [`role`](Client::role).
    pub fn actor(&self, id: &str) -> Client {
        self.client(Identity::new(id).provider("test"))
    }

    fn client(&self, identity: Identity) -> Client {
        let (router, roles) = (self.assembled.router.clone(), Arc::clone(&self.roles));
        Client { router, identity: identity.grants(roles.anyone()), roles, headers: vec![] }
    }

    /// The app's OpenAPI document.
    pub fn document(&self) -> &Value {
        self.assembled.document()
    }

    /// Each route and who may call it.
    pub fn routes(&self) -> &[tollgate_http::RouteInfo] {
        &self.assembled.routes
    }

    /// Does a job of a service once, as `notes_forget`: what [`Service::every`](tollgate::Service::every) does again and
    /// again in a process, and never here by itself.
    ///
    /// # Errors
    /// There is none of that name, or what it says.
    pub async fn job(&self, name: &str) -> Result<(), Failure> {
        self.assembled.run_job(name).await
    }

    /// The access matrix: what the command `routes` prints.
    pub fn access_matrix(&self) -> &str {
        &self.assembled.access_matrix
    }
}

impl Setup {
    /// Fills new tables with their first rows.
    #[must_use]
    pub fn seeded(mut self) -> Self {
        self.seed = true;
        self
    }

    /// Keeps the rows in this database.
    #[must_use]
    pub fn database(mut self, database: Arc<dyn Database>) -> Self {
        self.database = database;
        self
    }

    /// Keeps the rows in the database at this URL, as `database.url` has it: for what memory does not show. Tests that share a
    /// server take a schema or a file each.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn database_at(self, url: &str) -> Self {
        let database = open_at(url).await.unwrap_or_else(|failure| panic!("{failure}"));
        self.database(database)
    }

    /// Tells the time by this clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Recognises callers this way, in place of believing them.
    #[must_use]
    pub fn authenticate(mut self, authenticate: Arc<dyn Authenticate>) -> Self {
        self.authenticate = Some(authenticate);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If the app would not start.
    pub async fn start(self) -> TestApp {
        let Self { app, database, clock, authenticate, seed } = self;
        let settings = app.built_in_settings("dev").unwrap_or_else(|failure| panic!("{failure}"));
        let roles = Roles::new(&settings.access.roles, &settings.access.anyone);
        let roles = Arc::new(roles.unwrap_or_else(|failure| panic!("{failure}")));
        let authenticate = authenticate.unwrap_or_else(|| Arc::new(Believing(roles.anyone().clone())));
        let ground = Ground { databases: database.into(), clock, authenticate: Some(authenticate), seed };
        let assembled = assemble(app, settings, ground).await.unwrap_or_else(|failure| panic!("{failure}"));
        TestApp { assembled, roles }
    }
}

/// Believes the actor that a [`Client`] attached to its request; bytes from outside cannot attach one.
struct Believing(Grants);

impl Authenticate for Believing {
    fn identify<'a>(&'a self, head: &'a Head) -> Identified<'a> {
        let attached = head.extensions.get::<Actor>().cloned();
        let actor = attached.unwrap_or_else(|| Identity::anyone().grants(&self.0).into());
        Box::pin(std::future::ready(Ok(actor)))
    }
}

/// Somebody who speaks to an app.
#[derive(Clone)]
pub struct Client {
    router: axum::Router,
    identity: Identity,
    roles: Arc<Roles>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("actor", &Actor::from(self.identity.clone()).id()).finish_non_exhaustive()
    }
}

impl Client {
    /// The same with permissions, separated by spaces: `read:movies create:movies`.
    ///
    /// # Panics
    /// If one of them is no permission.
    #[must_use]
    pub fn may(mut self, permissions: &str) -> Self {
        let bad = permissions.split_whitespace().find(|text| !Grants::is_permission(text));
        assert!(bad.is_none(), "`{}` is not a permission", bad.unwrap_or_default());
        self.identity = self.identity.granted(permissions.split_whitespace());
        self
    }

    /// The same in a role of the app's settings, with what it grants there.
    ///
    /// # Panics
    /// If there is no such role.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        assert!(self.roles.has(role), "there is no role `{role}` in [access.roles]");
        let roles = [Actor::from(self.identity.clone()).roles(), &[role.to_owned()]].concat();
        self.identity = self.identity.grants(&self.roles.grants([role])).roles(roles);
        self
    }

    /// The same with a header on every request.
    ///
    /// # Panics
    /// If it is no header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{value}: {error}"));
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.headers.push((name, value));
        self
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None::<Value>).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None::<Value>).await
    }

    /// Any method, with or without a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        match body {
            Some(body) => self.send_bytes(method, path, "application/json", body.to_string()).await,
            None => self.request(Request::builder().method(method).uri(path), Body::empty()).await,
        }
    }

    /// Any method, with any body.
    pub async fn send_bytes(&self, method: Method, path: &str, media_type: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media_type);
        self.request(request, body.into()).await
    }

    /// `GET` of a stream of events.
    pub async fn events(&self, path: &str) -> Events {
        Events::of(self.answer(Request::builder().uri(path), Body::empty()).await)
    }

    /// The app on a free port of this machine, where whoever comes is this one: a browser, say. It is
    /// there until it is dropped.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn serve(&self) -> Served {
        let client = self.clone();
        let come = move |mut request: Request<Body>| {
            client.sign(&mut request);
            async { request }
        };
        Served::begin(self.router.clone().layer(map_request(come))).await
    }

    fn sign(&self, request: &mut Request<Body>) {
        request.headers_mut().extend(self.headers.iter().cloned());
        request.extensions_mut().insert(Actor::from(self.identity.clone()));
    }

    async fn request(&self, request: axum::http::request::Builder, body: Body) -> Reply {
        Reply::read(self.answer(request, body).await).await
    }

    async fn answer(&self, request: axum::http::request::Builder, body: Body) -> Response {
        let mut request = request.body(body).unwrap_or_else(|error| panic!("no request: {error}"));
        self.sign(&mut request);
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}
