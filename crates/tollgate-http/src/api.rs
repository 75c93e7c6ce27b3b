//! Services joined into one router, one document and one access matrix: all three from the same signatures.

use crate::{
    AnyResource, Context, Job, Operation, Quotas, Reach, Scheme, Service,
    operation::{Callers, Need},
    pages::Link,
    refusal::Refusal,
    schemas::{Schemas, tidy},
    service::Route,
    words,
};
use axum::{
    Router,
    http::{Extensions, Method, StatusCode, Uri},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tollgate_access::{Access, Actor, Grants};
use tollgate_core::Problem;
use tollgate_store::{Filled, Table};

/// What an app offers over HTTP.
pub struct Api {
    /// Its name for people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it is, in Markdown.
    pub about: String,
    /// What anyone may do without signing in.
    pub anyone: Grants,
    /// Where tokens come from.
    pub schemes: Vec<Scheme>,
    /// Its services.
    pub services: Vec<Service>,
    /// How often callers may ask.
    pub quotas: Quotas,
    /// What handlers may ask for of the app itself, such as its settings.
    pub extensions: Extensions,
}

tollgate_core::debug_by_name!(Api);

/// An [`Api`] that contradicts itself nowhere.
pub struct Built {
    /// Its routes.
    pub router: Router<Arc<Context>>,
    /// What it was built from: the source of its document.
    pub api: Arc<Api>,
    /// Each route and who may call it.
    pub routes: Vec<RouteInfo>,
    /// Each service and what its routes ask for.
    pub services: Vec<ServiceInfo>,
    /// Every resource that a signature mentions.
    pub resources: Vec<Arc<dyn AnyResource>>,
    /// The tables of resources that only services elsewhere mention.
    pub tables_elsewhere: Vec<&'static Table>,
    /// The tables that the answers of cached routes are made of, here or elsewhere: writes end those answers.
    pub cached_tables: Vec<&'static Table>,
    /// The tables whose changes are sent to readers, here or elsewhere.
    pub live_tables: Vec<&'static Table>,
    /// The rows that new tables start with: the resource's plural and JSON.
    pub seeds: Vec<(&'static str, &'static str)>,
    /// What is done without a caller.
    pub jobs: Vec<Job>,
    /// The longest body that a route was given, in bytes; 0 if none was.
    pub longest_body: usize,
}

tollgate_core::debug_by_name!(Built);

/// One route and who may call it.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Who may.
    pub access: Access,
    /// How far somebody gets who calls it.
    pub reach: fn(&Actor) -> Reach,
    /// The path of the function that answers, as in `myapi::movies::create`.
    pub handler: &'static str,
    /// Whether it answers so many at a time: it takes a `limit`.
    pub is_list: bool,
}

/// One service and what its routes ask for.
#[derive(Debug, Clone)]
pub struct ServiceInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is, in Markdown.
    pub about: &'static str,
    /// The permissions that its routes ask for, each once.
    pub permissions: Vec<String>,
    /// The pages that it shows the way to.
    pub links: Vec<Link>,
}

impl Api {
    /// Joins the services.
    ///
    /// # Errors
    /// Everything that two routes or two types contradict each other about, and what may not be granted to anyone.
    pub fn build(mut self) -> Result<Built, Vec<String>> {
        let said = self.services.iter().flat_map(|service| service.mistakes.clone()).collect();
        let mistakes = [said, self.duplicates(), self.unknown_routes()].concat();
        let live_tables = self.services.iter().flat_map(|service| service.live.clone()).collect();
        let (elsewhere, here): (Vec<_>, _) = self.services.into_iter().partition(|service| service.is_elsewhere);
        self.services = here;
        let mut described = Described { mistakes, ..Described::default() };
        described.add_all(&self.services, &self);
        let mut others = Described::default();
        others.add_all(&elsewhere, &self);
        described.mistakes.append(&mut others.mistakes);
        described.cached.append(&mut others.cached);
        let resources = described.resources(&self.anyone);
        described.mistakes.extend(described.schemas.finish().1);
        if !described.mistakes.is_empty() {
            return Err(described.mistakes);
        }
        let is_here = |table: &&Table| resources.iter().any(|resource| resource.table() == *table);
        let elsewhere = others.resources.iter().map(|resource| resource.table());
        let tables_elsewhere = elsewhere.filter(|table| !is_here(table)).collect();
        Ok(Built {
            routes: described.routes,
            services: self.services.iter().map(Service::info).collect(),
            seeds: self.services.iter().flat_map(|service| service.seeds.clone()).collect(),
            jobs: self.services.iter().flat_map(|service| service.jobs.clone()).collect(),
            longest_body: self.routes().filter_map(|(_, route)| route.body_limit).max().unwrap_or_default(),
            live_tables,
            resources,
            tables_elsewhere,
            cached_tables: described.cached,
            router: router(&self.services),
            api: self.into(),
        })
    }

    fn routes(&self) -> impl Iterator<Item = (&Service, &Route)> {
        self.services.iter().flat_map(|service| service.routes.iter().map(move |route| (service, route)))
    }

    /// Routes and operation ids that come twice.
    fn duplicates(&self) -> Vec<String> {
        let (mut seen, mut mistakes) = (BTreeSet::new(), vec![]);
        for (service, Route { method, path, id, .. }) in self.routes() {
            if id.contains('{') {
                mistakes.push(format!("`{method} {path}` is a closure: give it a name with `.named(…)`"));
            }
            for name in [format!("route `{method} {path}`"), format!("operation `{id}`")] {
                if !seen.insert(name.clone()) {
                    mistakes.push(format!("the {name} of service `{}` exists already", service.name));
                }
            }
        }
        mistakes.extend(self.one_path_two_names());
        mistakes
    }

    /// Limits of what is not there limit nothing.
    fn unknown_routes(&self) -> Vec<String> {
        let names = || self.routes().map(|(_, Route { method, path, .. })| format!("{method} {path}"));
        let unknown = self.quotas.routes.keys().filter(|named| names().all(|name| name != **named));
        let told = unknown.map(|named| format!("limits.routes: {}", words::unknown("route", named, names())));
        told.collect()
    }

    /// `/movies/{id}` and `/movies/{movie_id}` are one path, to the router and to OpenAPI.
    fn one_path_two_names(&self) -> Vec<String> {
        let mut written: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
        let mut mistakes = vec![];
        for (_, Route { method, path, .. }) in self.routes() {
            let shape = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect();
            let first = *written.entry(shape).or_insert(path);
            if first != path {
                mistakes.push(format!("`{method} {path}` is the path `{first}`: call its parameters the same"));
            }
        }
        mistakes
    }

    /// The OpenAPI 3.1 document. It is large, and most processes are asked for it by nobody: it is written whenever somebody
    /// asks, and not kept.
    pub fn document(&self) -> Value {
        let (mut schemas, mut paths) = (Schemas::default(), BTreeMap::<&str, Map<_, _>>::new());
        for service in &self.services {
            for route in &service.routes {
                let mut operation = Operation::written(&mut schemas, (&route.method, &route.path), self.callers());
                self.describe(route, &mut operation);
                let operation = operation.finish(&route.id, service.name, &route.text);
                paths.entry(&route.path).or_default().insert(route.method.as_str().to_lowercase(), operation);
            }
            service.others().for_each(|describe| describe(&mut self.mention(&mut schemas)));
        }
        let tags = self.services.iter().map(|service| json!({ "name": service.name, "description": service.about }));
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": self.title, "version": self.version, "description": self.about },
            "servers": [{ "url": "/" }],
            "tags": tags.collect::<Vec<_>>(),
            "paths": {},
            "components": { "schemas": {}, "securitySchemes": self.security() },
        });
        // Moved to their places: `json!` would write them anew, and they are nearly all of the document.
        let paths = paths.into_iter().map(|(path, operations)| (path.to_owned(), operations.into()));
        document["paths"] = paths.collect::<Map<_, _>>().into();
        document["components"]["schemas"] = schemas.finish().0.into();
        tidy(&mut document);
        document
    }

    fn callers(&self) -> Callers<'_> {
        (&self.anyone, &self.schemes)
    }

    /// What the types of a route say, and what is said of all.
    fn describe(&self, route: &Route, operation: &mut Operation<'_>) {
        (route.describe)(operation);
        if !self.quotas.is_empty() {
            operation.refuses(StatusCode::TOO_MANY_REQUESTS, "Over a limit; `Retry-After` says for how long.");
        }
    }

    /// What has no route.
    fn mention<'a>(&'a self, schemas: &'a mut Schemas) -> Operation<'a> {
        Operation::new(schemas, (&Method::GET, ""), self.callers())
    }

    /// A token of each issuer, or one that is there already, or an API key in its place.
    fn security(&self) -> Value {
        let permissions = self.routes().flat_map(|(_, route)| route.access.permissions());
        let permissions = permissions.map(|name| (name, name.replacen(':', " ", 1))).collect();
        let each = self.schemes.iter().map(|scheme| (scheme.name.clone(), scheme.describe(&permissions)));
        let mut all: Map<String, Value> = each.collect();
        for (name, format) in [("bearer", "JWT"), ("api_key", "API key")] {
            all.insert(name.into(), json!({ "type": "http", "scheme": "bearer", "bearerFormat": format }));
        }
        all.into()
    }
}

/// What the signatures have said so far.
#[derive(Default)]
struct Described {
    schemas: Schemas,
    routes: Vec<RouteInfo>,
    resources: Vec<Arc<dyn AnyResource>>,
    /// The tables that kept answers are made of.
    cached: Vec<&'static Table>,
    mistakes: Vec<String>,
}

impl Described {
    fn add_all(&mut self, services: &[Service], api: &Api) {
        for service in services {
            service.routes.iter().for_each(|route| self.add(route, api));
            service.resources.iter().for_each(|describe| self.mention(*describe, api).clear());
            for Job { name, describe, .. } in &service.jobs {
                let missing = unmet(&self.mention(*describe, api), &api.extensions, &format!("the job `{name}`"));
                self.mistakes.extend(missing);
            }
        }
    }

    fn add(&mut self, route: &Route, api: &Api) {
        let mut operation = Operation::new(&mut self.schemas, (&route.method, &route.path), api.callers());
        api.describe(route, &mut operation);
        if let Some(cached) = &route.cached {
            self.mistakes.extend(check_cached(route, operation.shows_who_asks));
            let tables: Vec<_> = operation.resources.iter().map(|resource| resource.table()).collect();
            self.cached.extend(&tables);
            cached.tables.get_or_init(|| tables);
        }
        self.resources.append(&mut operation.resources);
        let Route { method, path, .. } = route;
        self.mistakes.extend(unmet(&operation.needs, &api.extensions, &format!("`{method} {path}`")));
        self.mistakes.extend(check_path(route, operation.path_parameters));
        self.routes.push(route.info(operation.is_list));
    }

    /// What has no route; answers what it needs.
    fn mention(&mut self, describe: fn(&mut Operation<'_>), api: &Api) -> Vec<Need> {
        let mut operation = api.mention(&mut self.schemas);
        describe(&mut operation);
        self.resources.append(&mut operation.resources);
        operation.needs
    }

    /// Each resource once. Two types may not share a table, and nobody in particular may own a row.
    fn resources(&mut self, anyone: &Grants) -> Vec<Arc<dyn AnyResource>> {
        let mut by_name: BTreeMap<&str, Arc<dyn AnyResource>> = BTreeMap::new();
        for resource in std::mem::take(&mut self.resources) {
            let (table, own) = (resource.table(), resource.type_name());
            let first = by_name.entry(table.name).or_insert_with(|| Arc::clone(&resource));
            if first.as_ref().type_id() != resource.as_ref().type_id() {
                let other = first.type_name();
                self.mistakes.push(format!("`{other}` and `{own}` are both called `{}`; rename one", table.name));
            }
        }
        for table in by_name.values().map(|resource| resource.table()) {
            let create = format!("create:{}", table.name);
            if table.filled(Filled::ByOwner).is_some() && anyone.include(&create) {
                self.mistakes.push(format!(
                    "`access.anyone` grants `{create}`, but its rows have an owner, and nobody in particular can own \
                     one; grant it to a role"
                ));
            }
        }
        by_name.into_values().collect()
    }
}

/// What is not among the extensions of the app, and what to do about it.
fn unmet(needs: &[Need], extensions: &Extensions, who: &str) -> Vec<String> {
    let missing = needs.iter().filter(|need| !(need.is_met)(extensions));
    missing.map(|need| format!("{who} {}", need.otherwise)).collect()
}

/// Only what changes nothing is kept, and only what is not one caller's alone.
fn check_cached(Route { method, path, can_be_shared, .. }: &Route, shows_who_asks: bool) -> Option<String> {
    if method != Method::GET {
        return Some(format!("`{method} {path}` is cached, which is for `GET` alone: leave out `.cached(…)`"));
    }
    if shows_who_asks {
        return Some(format!(
            "`{method} {path}` is cached, and `View` says on each page who asks: leave out `.cached(…)`"
        ));
    }
    let personal = || {
        format!(
            "`{method} {path}` is cached, and `Actor` makes each answer one caller's alone: ask for `May<…>` or `Public`"
        )
    };
    (!can_be_shared).then(personal)
}

/// A path is one, and every name in it must be asked for, and nothing else.
fn check_path(route: &Route, taken: usize) -> Option<String> {
    let Route { method, path, .. } = route;
    if !is_path(path) {
        return Some(format!("`{method} {path}` is no path: write it as `/movies/{{movie_id}}`"));
    }
    let named = path.matches('{').count();
    (named != taken).then(|| format!("`{method} {path}` names {named} parameters, its handler takes {taken}"))
}

/// Whether it begins with `/` and each parameter is a segment with a name of its own.
fn is_path(path: &str) -> bool {
    let mut names = BTreeSet::new();
    let name = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    let mut segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(parameter) => name(parameter) && names.insert(parameter.to_owned()),
        None => !text.contains(['{', '}', '?', '#']) && !text.starts_with([':', '*']),
    };
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(&mut segment))
}

fn router(services: &[Service]) -> Router<Arc<Context>> {
    let routes = services.iter().flat_map(|service| &service.routes);
    routes.fold(Router::new(), |all, route| all.route(&route.path, route.endpoint()))
}

/// The router with answers for what has no route, and for other methods of what has one.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.method_not_allowed_fallback(other_method).fallback(no_route)
}

/// `OPTIONS *` asks for the server as a whole (RFC 9110, 9.3.7).
async fn no_route(method: Method, uri: Uri) -> axum::response::Response {
    if method == Method::OPTIONS && uri.path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    Refusal::from(Problem::not_found().because("there is no such route; see /docs")).into_response()
}

/// `OPTIONS` needs no token and says what there is (RFC 9110, 9.3.7); `Allow` is added by the router.
async fn other_method(method: Method) -> axum::response::Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Refusal::from(Problem::new(StatusCode::METHOD_NOT_ALLOWED).because("the header `Allow` lists the methods"))
        .into_response()
}
