//! The app, and rows for its routes.

use super::{
    callers::{self, Caller, Tokens},
    verdict::{Expected, differs, is_decent},
};
use crate::Reply;
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tollgate::{
    App, SystemClock,
    testing::{Assembled, Ground as Under, assemble},
};
use tollgate_access::Roles;
use tollgate_core::{Clock, ManualClock};
use tollgate_http::RouteInfo;
use tollgate_store::Database;
use tower::ServiceExt;

/// How a row comes to be: a path, and what is sent there.
type Row = (&'static str, fn(u32) -> Value);
pub(super) type Rows = Vec<Row>;

/// The app under test.
pub(super) struct Ground {
    router: axum::Router,
    pub(super) routes: Vec<RouteInfo>,
    roles: Roles,
    tokens: Tokens,
    clock: ManualClock,
    rows: Rows,
    given: Map<String, Value>,
    count: u32,
}

/// A row that somebody made for one request.
struct Made {
    /// What was sent.
    sent: Value,
    /// The values of path parameters, by name.
    names: Map<String, Value>,
}

impl Ground {
    pub(super) async fn new(
        app: fn() -> App,
        database: Arc<dyn Database>,
        rows: Rows,
        given: Map<String, Value>,
    ) -> Self {
        let started = Self::start(app, database, rows, given).await;
        started.unwrap_or_else(|error| panic!("the app does not start: {error}"))
    }

    async fn start(
        app: fn() -> App,
        database: Arc<dyn Database>,
        rows: Rows,
        given: Map<String, Value>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let permissions = crate::TestApp::new(app()).await.routes().to_vec();
        let permissions: BTreeSet<_> = permissions.iter().flat_map(|route| route.access.permissions()).collect();
        let mut settings = app().built_in_settings("dev")?;
        settings.identity.demo_users.clear();
        settings.access.roles = callers::roles(permissions.into_iter());
        settings.identity.default_role = None;
        let roles = Roles::new(&settings.access.roles, &settings.access.anyone)?;
        let clock = ManualClock::at(SystemClock::default().now());
        let under = Under {
            databases: Arc::clone(&database).into(),
            clock: Arc::new(clock.clone()),
            authenticate: None,
            seed: false,
        };
        let Assembled { router, routes, identity, .. } = assemble(app(), settings, under).await?;
        let issuer = identity.ok_or("the app has no issuer of its own")?;
        let tokens = callers::tokens(&issuer, Arc::new(roles.clone()), &database, &clock).await?;
        Ok(Self { router, routes, roles, tokens, clock, rows, given, count: 0 })
    }

    /// One request of the matrix, on a row of its own; what is wrong with the answer.
    pub(super) async fn try_out(&mut self, route: &RouteInfo, caller: Caller) -> Result<(), String> {
        let expected = Expected::of(route, caller, &self.roles);
        let made = self.make_rows(route).await?;
        let path = fill(&route.path, &made.names)?;
        let unseen =
            if expected == Expected::AsIfAbsent { Some(self.on_what_is_gone(route, caller).await?) } else { None };
        let before = self.as_owner_sees(route, &path).await;
        let reply = self.request(&route.method, &path, caller, body(route, &made)).await;
        is_decent(&reply)?;
        expected.check(&reply)?;
        if expected == Expected::OwnRows {
            sees_nothing_of(&reply, &made)?;
        }
        if let Some((gone, absent)) = unseen {
            differs((&path, &reply), (&gone, &absent))?;
        }
        if expected.leaves_the_row() && before != self.as_owner_sees(route, &path).await {
            return Err("the row changed".into());
        }
        Ok(())
    }

    /// The same request, about a row that was there once and is no more.
    async fn on_what_is_gone(&mut self, route: &RouteInfo, caller: Caller) -> Result<(String, Reply), String> {
        let made = self.make_rows(route).await?;
        let path = fill(&route.path, &made.names)?;
        let (base, _) = path.rsplit_once('/').unwrap_or_default();
        let own = self.routes.iter().filter(|other| other.method == Method::DELETE).map(|other| other.path.clone());
        let at = own.filter_map(|other| fill(&other, &made.names).ok()).find(|at| path.ends_with(at) || at == base);
        if let Some(at) = at {
            let gone = self.request(&Method::DELETE, &at, Caller::Admin, None).await;
            if gone.status() != 204 {
                return Err(format!("the row at {at} cannot be removed: {gone}"));
            }
        }
        let reply = self.request(&route.method, &path, caller, body(route, &made)).await;
        Ok((path, reply))
    }

    /// The row that the route is about, made by its owner.
    async fn make_rows(&mut self, route: &RouteInfo) -> Result<Made, String> {
        let is_about = |(path, _): &&Row| route.path == *path || route.path.contains(&format!("{path}/"));
        let Some((path, body)) = self.rows.iter().find(is_about).copied() else { return self.any_row(route).await };
        self.count += 2;
        let sent = body(self.count);
        let reply = self.request(&Method::POST, path, Caller::Owner, Some(sent.clone())).await;
        // No two rows are of one moment, which would be another's in one's own row.
        self.clock.advance(Duration::from_millis(1));
        if reply.status() != 201 {
            return Err(format!("no row could be made at {path}: {reply}"));
        }
        let mut names = self.given.clone();
        collect(&reply.json(), &mut names);
        Ok(Made { sent: if route.method == Method::POST { body(self.count + 1) } else { sent }, names })
    }

    /// Where rows come to be by themselves: the first that is listed.
    async fn any_row(&self, route: &RouteInfo) -> Result<Made, String> {
        let mut names = self.given.clone();
        if let Some((list, _)) = route.path.split_once("/{") {
            let page = self.request(&Method::GET, list, Caller::Admin, None).await.json();
            collect(&page["items"][0], &mut names);
        }
        Ok(Made { sent: json!({}), names })
    }

    /// What the owner gets at that path, if anything can be read there.
    async fn as_owner_sees(&self, route: &RouteInfo, path: &str) -> Option<Value> {
        let readable = self.routes.iter().any(|other| other.path == route.path && other.method == Method::GET);
        if !readable || !route.path.contains('{') {
            return None;
        }
        Some(self.request(&Method::GET, path, Caller::Owner, None).await.json())
    }

    async fn request(&self, method: &Method, path: &str, caller: Caller, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.tokens.get(&caller) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).unwrap_or_else(|error| panic!("no request: {error}"));
        let Ok(response) = self.router.clone().oneshot(request).await;
        Reply::read(response).await
    }
}

/// Nothing that was made for the owner is in what another is shown.
fn sees_nothing_of(reply: &Reply, made: &Made) -> Result<(), String> {
    let text = reply.text();
    let telling = made.names.values().filter_map(Value::as_str).filter(|value| value.len() >= 12);
    match telling.into_iter().find(|value| text.contains(*value)) {
        Some(value) => Err(format!("another's `{value}` is shown: {text}")),
        None => Ok(()),
    }
}

/// What goes along: the whole row for `POST` and `PUT`, no change for `PATCH`.
fn body(route: &RouteInfo, made: &Made) -> Option<Value> {
    match route.method {
        Method::POST | Method::PUT => Some(made.sent.clone()),
        Method::PATCH => Some(json!({})),
        _ => None,
    }
}

/// `/notes/{note_id}` → `/notes/7`.
fn fill(path: &str, names: &Map<String, Value>) -> Result<String, String> {
    let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        None => Ok(part.to_owned()),
        Some(name) => match names.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value) => Ok(value.to_string()),
            None => Err(format!("nothing says what `{name}` is: add a row with `Matrix::row`")),
        },
    };
    path.split('/').map(part).collect::<Result<Vec<_>, _>>().map(|parts| parts.join("/"))
}

/// The members of an answer, however deep.
fn collect(value: &Value, names: &mut Map<String, Value>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        collect(value, names);
        if value.is_string() || value.is_number() {
            names.insert(name.clone(), value.clone());
        }
    }
}
