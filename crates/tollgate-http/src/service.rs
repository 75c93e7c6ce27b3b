//! One service: its routes, each with who may call it and how it is described.
use crate::{
    Answer, Argument, Arguments, Context, Guard, Handler, Job, JobArguments, Operation, Reach, RouteInfo, ServiceInfo,
    cache::CachedRoute,
    handler::{AnyHandler, Endpoint, Terms},
    pages::Link,
    view::sign_in_first,
    words,
};
use axum::{
    http::Method,
    middleware::from_fn,
    routing::{MethodFilter, MethodRouter, on},
};
use std::{any::type_name, fmt, sync::Arc, time::Duration};
use tollgate_access::{Access, Actor};
use tollgate_core::{Result, capitalized};
use tollgate_store::{Resource, Store, Table};

/// What a module of an app offers over HTTP.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) routes: Vec<Route>,
    notes: &'static [(&'static str, &'static str)],
    /// What `named`, `cached` and `body_limit` are about.
    last: Last,
    /// Words that are about nothing.
    pub(crate) mistakes: Vec<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) jobs: Vec<Job>,
    /// Whether another instance serves it, so that its routes are known here and not answered.
    pub(crate) is_elsewhere: bool,
    /// Rows that a new database starts with: the resource's plural and JSON.
    pub(crate) seeds: Vec<(&'static str, &'static str)>,
    /// Tables whose changes are sent to readers.
    pub(crate) live: Vec<&'static Table>,
    /// Resources that no signature mentions.
    pub(crate) resources: Vec<fn(&mut Operation<'_>)>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        f.debug_struct("Service").field("name", &self.name).field("routes", &routes).finish_non_exhaustive()
    }
}

/// What was added last.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    /// The routes from this one on.
    Routes(usize),
    Job,
}

/// What to do about a word that is about nothing.
const AFTER: &str = "it stands after the route that it is about";

/// One route.
pub(crate) struct Route {
    pub method: Method,
    pub path: String,
    pub access: Access,
    pub reach: fn(&Actor) -> Reach,
    pub handler: &'static str,
    pub id: String,
    pub text: String,
    pub describe: fn(&mut Operation<'_>),
    filter: MethodFilter,
    work: Arc<AnyHandler>,
    /// Its longest body, in bytes, where that was said.
    pub body_limit: Option<usize>,
    is_page: bool,
    is_public: bool,
    pub cached: Option<Arc<CachedRoute>>,
    /// Whether its answers may be given to others.
    pub can_be_shared: bool,
}

impl Route {
    pub(crate) fn info(&self, is_list: bool) -> RouteInfo {
        let Self { method, path, access, reach, handler, .. } = self;
        let (method, path, access) = (method.clone(), path.clone(), access.clone());
        RouteInfo { method, path, access, reach: *reach, handler, is_list }
    }

    /// What answers.
    pub(crate) fn endpoint(&self) -> MethodRouter<Arc<Context>> {
        let terms = Terms { handler: self.work.clone(), body_limit: self.body_limit, cached: self.cached.clone() };
        let endpoint = on(self.filter, Endpoint::from(terms));
        if self.is_page { endpoint.layer(from_fn(sign_in_first)) } else { endpoint }
    }
}

impl Service {
    /// A service without routes. The macro `service!` makes the same, with the module's comments.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            about: "",
            routes: vec![],
            notes: &[],
            last: Last::Nothing,
            mistakes: vec![],
            links: vec![],
            jobs: vec![],
            is_elsewhere: false,
            seeds: vec![],
            live: vec![],
            resources: vec![],
        }
    }

    /// Of these services, those of these names; the others are known, and served elsewhere. Without a name, all of them.
    ///
    /// # Errors
    /// A name that no service has, with the one that may be meant.
    pub fn only(services: Vec<Self>, names: &[String]) -> Result<Vec<Self>, String> {
        let known = || services.iter().map(|service| service.name);
        if let Some(name) = names.iter().find(|name| known().all(|known| known != **name)) {
            return Err(words::unknown("service", name, known()));
        }
        let is_named = |service: &Self| names.is_empty() || names.iter().any(|name| name == service.name);
        let each = services.into_iter().map(|service| Self { is_elsewhere: !is_named(&service), ..service });
        Ok(each.collect())
    }

    /// Gives the app a store of `R` even where no handler's signature mentions it.
    #[must_use]
    pub fn resource<R: Resource>(mut self) -> Self {
        self.resources.push(<Store<R> as Argument>::describe);
        self
    }

    /// Fills the table of `R` with this JSON array when the app first makes it.
    #[must_use]
    pub fn seed<R: Resource>(mut self, json: &'static str) -> Self {
        self.seeds.push((R::PLURAL, json));
        self.resource::<R>()
    }

    /// Says what the service is; `service!` takes it from the module's comment.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn documented(mut self, about: &'static str, notes: &'static [(&'static str, &'static str)]) -> Self {
        (self.about, self.notes) = (about, notes);
        self
    }

    /// Names and describes the route, or the job, that was added last, where the function's own name and comment would not
    /// do.
    #[must_use]
    pub fn named(mut self, id: &str, text: &str) -> Self {
        let (id, text) = (id.to_owned(), text.trim().to_owned());
        let is_one = self.last().len() == 1;
        match (self.last, self.routes.last_mut(), self.jobs.last_mut()) {
            (Last::Routes(_), Some(route), _) if is_one => {
                // A kept answer is found by the name of its route.
                let kept = route.cached.take().map(|kept| CachedRoute::new(&id, kept.lifetime, route.is_public));
                (route.cached, route.id, route.text) = (kept.map(Arc::new), id, text);
            }
            (Last::Job, _, Some(job)) => (job.name, job.text) = (id, text),
            _ => self
                .mistakes
                .push(format!("`.named(\"{id}\", …)` of service `{}` follows no single route: {AFTER}", self.name)),
        }
        self
    }

    /// Keeps the answers of the route that was added last, or of the reads of a [`crud`](Self::crud), and gives them to all
    /// who reach the same rows. A write through a store of the tables that the handler asks for ends them; what was written
    /// in another way is seen after `lifetime` at the latest.
    ///
    /// The handler is given what is common to those who share: path, query, and a `May` whose actor is nobody in
    /// particular. Headers are taken away. The route is a `GET`, guarded by `May<…>` or `Public`.
    #[must_use]
    pub fn cached(mut self, lifetime: Duration) -> Self {
        let is_one = self.last().len() == 1;
        for route in self.last().iter_mut().filter(|route| is_one || route.method == Method::GET) {
            route.cached = Some(Arc::new(CachedRoute::new(&route.id, lifetime, route.is_public)));
        }
        self.about_routes("cached")
    }

    /// Lets the body of the route that was added last, or of those of a [`crud`](Self::crud), have so many bytes; 1 MiB if
    /// nothing is said.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.last().iter_mut().for_each(|route| route.body_limit = Some(bytes));
        self.about_routes("body_limit")
    }

    /// The routes that were added last.
    fn last(&mut self) -> &mut [Route] {
        match self.last {
            Last::Routes(first) => &mut self.routes[first..],
            Last::Nothing | Last::Job => &mut [],
        }
    }

    fn about_routes(mut self, word: &str) -> Self {
        if self.last().is_empty() {
            self.mistakes.push(format!("`.{word}(…)` of service `{}` follows no route: {AFTER}", self.name));
        }
        self
    }

    /// The routes from this one on are one thing, to the words that follow.
    pub(crate) fn together_from(self, first: usize) -> Self {
        Self { last: Last::Routes(first), ..self }
    }

    /// How many routes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Does this while the app is served: when it starts, and again so long after each end. Its name, as in
    /// `notes_forget`, is that of the function behind that of the service.
    #[must_use]
    pub fn every<H, A>(mut self, interval: Duration, job: H) -> Self
    where
        H: Handler<A, Arguments: JobArguments, Answer = Result<()>, Future: Send + 'static>,
    {
        const { assert!(!H::Arguments::OF_A_REQUEST, "a job has no request: it asks for stores, settings and `Now`") };
        let named = self.describe_by_name(type_name::<H>());
        let run = move |arguments: H::Arguments| Box::pin(job.clone().call(arguments)) as _;
        self.jobs.push(Job::new(named, interval, run));
        self.last = Last::Job;
        self
    }

    /// Adds a `GET` route for people: who is not signed in is sent to the sign-in, and then back.
    #[must_use]
    pub fn page<H: Handler<A>, A>(self, path: &str, handler: H) -> Self
    where
        H::Arguments: Arguments,
        H::Answer: Answer,
        H::Future: Send,
    {
        let mut service = self.get(path, handler);
        service.last().iter_mut().for_each(|route| route.is_page = true);
        service
    }

    /// Shows the way to a page in the top bar, and beside the service on the home page, to those who may see it.
    #[must_use]
    pub fn link(mut self, path: &str, label: &str) -> Self {
        self.links.push(Link::new(path, label));
        self
    }

    /// What no route of it describes: resources that no signature mentions, and jobs.
    pub(crate) fn others(&self) -> impl Iterator<Item = fn(&mut Operation<'_>)> {
        self.resources.iter().copied().chain(self.jobs.iter().map(|job| job.describe))
    }

    pub(crate) fn info(&self) -> ServiceInfo {
        let mut permissions: Vec<String> = vec![];
        for permission in self.routes.iter().flat_map(|route| route.access.permissions()) {
            if permissions.iter().all(|known| known != permission) {
                permissions.push(permission.to_owned());
            }
        }
        ServiceInfo { name: self.name, about: self.about, permissions, links: self.links.clone() }
    }

    fn route<H, A>(mut self, (method, filter): (Method, MethodFilter), path: &str, handler: H) -> Self
    where
        H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
    {
        const { assert!(H::Arguments::BODIES <= 1, "a request has one body: this handler asks for it twice") };
        let (id, text) = self.describe_by_name(type_name::<H>());
        self.last = Last::Routes(self.routes.len());
        self.routes.push(Route {
            method,
            path: path.into(),
            access: H::Arguments::access(),
            reach: H::Arguments::reach,
            handler: type_name::<H>(),
            id,
            text,
            describe: |operation| {
                H::Arguments::describe(operation);
                H::Answer::describe(operation);
                operation.can_be_repeated(H::Arguments::REPEATABLE);
            },
            filter,
            work: AnyHandler::of(handler).into(),
            body_limit: None,
            is_page: false,
            is_public: H::Arguments::access() == Access::Public,
            cached: None,
            can_be_shared: <H::Arguments as Arguments>::Guard::CAN_BE_SHARED,
        });
        self
    }

    /// From a function `app::movies::newest`: the id `movies_newest`, and its comment, else "Newest."
    fn describe_by_name(&self, function: &str) -> (String, String) {
        let function = function.split('<').next().unwrap_or(function);
        let name = function.rsplit("::").next().unwrap_or(function);
        let note = self.notes.iter().find(|(key, text)| *key == function && !text.is_empty());
        let text = note.map_or_else(|| sentence(name), |(_, text)| (*text).to_owned());
        (format!("{}_{name}", self.name), text)
    }
}

/// The methods that add a route. Each takes a path such as `/movies/{movie_id}` and an async function whose first
/// argument says who may call it.
macro_rules! methods {
    ($($name:ident $method:ident;)*) => {
        impl Service {$(
            #[doc = concat!("Adds a `", stringify!($method), "` route.")]
            #[must_use]
            pub fn $name<H: Handler<A>, A>(self, path: &str, handler: H) -> Self
            where
                H::Arguments: Arguments,
                H::Answer: Answer,
                H::Future: Send,
            {
                self.route((Method::$method, MethodFilter::$method), path, handler)
            }
        )*}
    };
}
methods! {
    get GET;
    post POST;
    put PUT;
    patch PATCH;
    delete DELETE;
}

/// `best_of_year` → "Best of year."
fn sentence(name: &str) -> String {
    format!("{}.", capitalized(&name.replace('_', " ")))
}
