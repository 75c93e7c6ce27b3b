//! Authenticated data APIs, where permission is a value.
//!
//! An app depends on this crate alone. [`#[resource]`](resource) makes a model, its inputs and its schema from one
//! struct; a [`Service`] joins handlers, each of which says in its first argument who may call it; [`App::main`] is
//! the app's server and command line.
//!
//! ```no_run
//! //! Notes: everybody keeps their own.
//! use tollgate::prelude::*;
//!
//! /// A note to oneself.
//! #[resource(plural = "notes")]
//! pub struct Note {
//!     #[id(generated)]
//!     pub note_id: i64,
//!     #[owner]
//!     pub author: String,
//!     /// What it says.
//!     #[garde(length(min = 1, max = 500))]
//!     pub text: String,
//! }
//!
//! fn main() -> tollgate::Exit {
//!     App::new("notes").service(service!("notes").crud::<Note>("/notes")).main()
//! }
//! ```
//!
//! Invariant: a handler that does not say who may call it does not compile, nor does a store without a permission.
//! ```compile_fail,E0277
//! # use tollgate::prelude::*;
//! async fn hello() -> Json<String> { Json("hello".into()) }
//! let service = Service::new("open").get("/hello", hello);
//! ```
//! Nor can an app make an [`Actor`] with grants of its choice.
//! ```compile_fail,E0423
//! # use tollgate::Actor;
//! fn forge() -> Actor { Actor(std::sync::Arc::default()) }
//! ```

extern crate self as tollgate;

mod app;
mod audit;
pub mod backends;
mod checks;
mod cli;
mod console;
mod databases;
#[cfg(feature = "redis")]
mod edition;
mod home;
mod identities;
mod jobs;
mod kept;
#[cfg(feature = "lambda")]
mod lambda;
#[cfg(not(feature = "lambda"))]
#[path = "lambda/without.rs"]
mod lambda;
mod migrations;
pub mod raw;
mod running;
mod secrets;
mod seed;
mod settings;
mod shared;
mod telemetry;
pub mod testing;

pub use app::{App, Exit, Failure};
pub use settings::{Config, Settings};
pub use tollgate_access::{
    Access, Act, Action, Actor, Create, Delete, Denied, Implies, May, Policy, Protected, Public, Read, Rows, System,
    Update,
};
pub use tollgate_auth::{Accounts, Mail, MailError};
pub use tollgate_core::{
    At, Change, Clock, Fault, Faults, Input, ManualClock, Output, Problem, Result, Secret, SystemClock,
};
pub use tollgate_http::{
    Answer, Argument, Axum, Background, Created, Download, Form, Gateway, Guard, Handler, Html, Json, List, Located,
    NoContent, NoIdempotencyKey, Now, Operation, Page, Path, Place, Preconditions, Query, Service, Tagged, View,
};
/// ```
/// use tollgate::prelude::*;
///
/// /// A film.
/// #[resource(plural = "films")]
/// pub struct Film {
///     #[id(generated)]
///     pub film_id: Uuid,
///     #[garde(length(min = 1, max = 200))]
///     pub title: String,
///     #[garde(range(min = 0.0, max = 10.0))]
///     pub rating: Option<f64>,
/// }
///
/// let new = NewFilm { title: "Alien".into(), rating: None };
/// let better = FilmPatch { rating: Change::Set(Some(8.5)), ..FilmPatch::default() };
/// let good: Filter<Film> = Film::RATING.gte(8.0) & Film::TITLE.contains("Alien");
/// ```
pub use tollgate_macros::resource;
pub use tollgate_macros::{choice, input, output, service, settings};
pub use tollgate_store::{
    Assignment, Decimal, Error as StoreError, Field, Filter, Find, FromRow, Memory, Nested, ObjectId, OnConflict,
    Resource, Slice, Sort, Sql, Store, Transaction, params,
};

/// For [`App::metrics`].
pub use tollgate_telemetry::prometheus_client;

/// Bytes: a body as it was sent, as an argument of a handler, or what a [`Download`] keeps.
pub use axum::body::Bytes;
/// The HTTP vocabulary.
pub use axum::http;
/// A moment, in UTC.
pub use jiff::Timestamp;
/// A day, without a time.
pub use jiff::civil::Date;
/// For `#[garde(custom(…))]`: what a rule of your own says.
pub use tollgate_store::__private::garde as rules;
/// A UUID (RFC 9562).
pub use uuid::Uuid;

/// What every service writes `use` for.
pub mod prelude {
    pub use crate::{
        Action, Actor, App, Change, Config, Create, Created, Date, Decimal, Delete, Filter, Html, Implies, Json, List,
        Located, May, Nested, NoContent, Now, ObjectId, Page, Path, Preconditions, Problem, Public, Query, Read,
        Resource, Result, Secret, Service, Store, System, Tagged, Timestamp, Update, Uuid, View, choice, input, output,
        params, resource, service, settings,
    };
}

#[doc(hidden)]
pub use tollgate_store::__private;

/// Many small allocations, freed on other threads than their own: what a server does, and what this one is good at.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
