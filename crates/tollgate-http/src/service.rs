//! One service: its routes, each with who may call it and how it is described.
use crate::{
    Answer, Argument, Arguments, Call, Context, Handler, Operation, Reach, RouteInfo, ServiceInfo, handler::run,
};
use axum::{
    extract::{Request, State},
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use std::{any::type_name, sync::Arc};
use tollgate_access::{Access, Actor};
use tollgate_core::capitalized;
use tollgate_store::{Resource, Store};

/// What a module of an app offers over HTTP.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) routes: Vec<Route>,
    notes: &'static [(&'static str, &'static str)],
    named: Option<(String, String)>,
    /// Rows that a new database starts with: the resource's plural and JSON.
    pub(crate) first_rows: Vec<(&'static str, &'static str)>,
    /// Resources that no signature mentions.
    pub(crate) resources: Vec<fn(&mut Operation<'_>)>,
}

/// One route.
pub(crate) struct Route {
    pub method: Method,
    pub path: String,
    pub access: Access,
    pub reach: fn(&Actor) -> Reach,
    pub id: String,
    pub text: String,
    pub describe: fn(&mut Operation<'_>),
    pub endpoint: MethodRouter<Arc<Context>>,
}

impl Route {
    pub(crate) fn info(&self) -> RouteInfo {
        let Self { method, path, access, reach, .. } = self;
        RouteInfo { method: method.clone(), path: path.clone(), access: access.clone(), reach: *reach }
    }
}

impl Service {
    /// A service without routes. The macro `service!` makes the same, with the module's comments.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, about: "", routes: vec![], notes: &[], named: None, first_rows: vec![], resources: vec![] }
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

    pub(crate) fn info(&self) -> ServiceInfo {
        let mut permissions: Vec<String> = vec![];
        for permission in self.routes.iter().flat_map(|route| route.access.permissions()) {
            if permissions.iter().all(|known| known != permission) {
                permissions.push(permission.to_owned());
            }
        }
        ServiceInfo { name: self.name, about: self.about, permissions }
    }

    fn route<H, A>(mut self, (method, filter): (Method, MethodFilter), path: &str, handler: H) -> Self
    where
        H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
    {
        const { assert!(H::Arguments::BODIES <= 1, "a request has one body: this handler asks for it twice") };
        let (id, text) = self.named.take().unwrap_or_else(|| self.describe_by_name(type_name::<H>()));
        self.routes.push(Route {
            method,
            path: path.into(),
            access: H::Arguments::access(),
            reach: H::Arguments::reach,
            id,
            text,
            describe: |operation| {
                H::Arguments::describe(operation);
                H::Answer::describe(operation);
            },
            endpoint: on(filter, move |State(app): State<Arc<Context>>, request: Request| {
                run(handler.clone(), Call::new(request, app))
            }),
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
