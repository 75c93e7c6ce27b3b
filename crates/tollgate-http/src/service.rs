//! One service: its routes, each with who may call it and how it is described.
use crate::{
    Answer, Argument, Arguments, Context, Guard, Handler, Job, JobArguments, Operation, Reach, RouteInfo, ServiceInfo,
    cache::CachedRoute,
    handler::{Terms, serve},
    pages::Link,
    view::sign_in_first,
    words,
};
use axum::{
    extract::{Request, State},
    http::Method,
    middleware::from_fn,
    routing::{MethodFilter, MethodRouter, on},
};
use std::{any::type_name, sync::Arc, time::Duration};
use tollgate_access::{Access, Actor};
use tollgate_core::{Result, capitalized};
use tollgate_store::{Resource, Store, Table};

/// What a module of an app offers over HTTP.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) routes: Vec<Route>,
    notes: &'static [(&'static str, &'static str)],
    named: Option<(String, String)>,
    cached: Option<Duration>,
    longest: Option<usize>,
    pub(crate) links: Vec<Link>,
    pub(crate) jobs: Vec<Job>,
    /// Whether another instance serves it, so that its routes are known here and not answered.
    pub(crate) is_elsewhere: bool,
    /// Rows that a new database starts with: the resource's plural and JSON.
    pub(crate) first_rows: Vec<(&'static str, &'static str)>,
    /// Tables whose changes are sent to readers.
    pub(crate) live: Vec<&'static Table>,
    /// Resources that no signature mentions.
    pub(crate) resources: Vec<fn(&mut Operation<'_>)>,
}

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
    pub endpoint: MethodRouter<Arc<Context>>,
    pub cached: Option<Arc<CachedRoute>>,
    /// Whether its answers may be given to others.
    pub can_be_shared: bool,
}

impl Route {
    pub(crate) fn info(&self) -> RouteInfo {
        let Self { method, path, access, reach, handler, .. } = self;
        RouteInfo { method: method.clone(), path: path.clone(), access: access.clone(), reach: *reach, handler }
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
            named: None,
            cached: None,
            longest: None,
            links: vec![],
            jobs: vec![],
            is_elsewhere: false,
            first_rows: vec![],
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
    pub fn first_rows<R: Resource>(mut self, json: &'static str) -> Self {
        self.first_rows.push((R::PLURAL, json));
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

    /// Names and describes the next route, where the handler's own name and comment would not do.
    #[must_use]
    pub fn named(mut self, id: &str, text: &str) -> Self {
        self.named = Some((id.into(), text.trim().into()));
        self
    }

    /// Keeps the answers of the next route, or of the reads of the next [`crud`](Self::crud), and gives them to all who
    /// reach the same rows. A write through a store of the tables that the handler asks for ends them; what was written in
    /// another way is seen after `lifetime` at the latest.
    ///
    /// The handler is given what is common to those who share: path, query, and a `May` whose actor is nobody in
    /// particular. Headers are taken away. The route is a `GET`, guarded by `May<…>` or `Public`.
    #[must_use]
    pub fn cached(mut self, lifetime: Duration) -> Self {
        self.cached = Some(lifetime);
        self
    }

    /// Lets the body of the next route have so many bytes; 1 MiB if nothing is said.
    #[must_use]
    pub fn up_to(mut self, bytes: usize) -> Self {
        self.longest = Some(bytes);
        self
    }

    /// Does this while the app is served: when it starts, and again so long after each end. Its name, as in
    /// `notes_forget`, is that of the function behind that of the service.
    #[must_use]
    pub fn every<H, A>(mut self, interval: Duration, job: H) -> Self
    where
        H: Handler<A, Arguments: JobArguments, Answer = Result<()>, Future: Send + 'static>,
    {
        let named = self.named.take().unwrap_or_else(|| self.describe_by_name(type_name::<H>()));
        self.resources.push(<H::Arguments as JobArguments>::describe);
        let run = move |arguments: H::Arguments| Box::pin(job.clone().call(arguments)) as _;
        self.jobs.push(Job::new(named, interval, run));
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
        if let Some(route) = service.routes.last_mut() {
            route.endpoint = std::mem::take(&mut route.endpoint).layer(from_fn(sign_in_first));
        }
        service
    }

    /// Shows the way to a page in the top bar, and beside the service on the home page, to those who may see it.
    #[must_use]
    pub fn link(mut self, path: &str, label: &str) -> Self {
        self.links.push(Link::new(path, label));
        self
    }

    /// Whether and for how long the next route is to be cached; asked once.
    pub(crate) fn take_cached(&mut self) -> Option<Duration> {
        self.cached.take()
    }

    /// The same again for the next route, where that is said.
    #[must_use]
    pub(crate) fn cached_as(self, lifetime: Option<Duration>) -> Self {
        Self { cached: lifetime, ..self }
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
        let (id, text) = self.named.take().unwrap_or_else(|| self.describe_by_name(type_name::<H>()));
        let longest = self.longest.take();
        let cached = self.cached.take().map(|lifetime| Arc::new(CachedRoute::new::<H::Arguments>(&id, lifetime)));
        let terms = Terms { longest, cached: cached.clone() };
        let endpoint = on(filter, move |State(app): State<Arc<Context>>, request: Request| {
            serve(handler.clone(), request, app, terms.clone())
        });
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
            endpoint,
            cached,
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
