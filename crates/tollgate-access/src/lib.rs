//! Permissions: may this caller do this to that?
//!
//! A permission is a value. [`May<Create, Movie>`](May) says that the caller may create films; the only way
//! to get one is a check that passed, and stores refuse to work without it. A check that was forgotten is
//! therefore a compile error, not an incident. The value carries the caller's [`Rows`]: which of the films
//! they may touch.
//!
//! This crate is pure: no I/O, no HTTP, no database. It does not even know what a filter is, only that a
//! [`Protected`] names one as its `Scope`.
//!
//! ```
//! use tollgate_access::{Actor, Delete, Identity, Policy, Read, Protected};
//! struct Movie;
//! impl Protected for Movie { const PLURAL: &'static str = "movies"; type Scope = (); }
//! impl Policy for Movie {}
//!
//! let reader = Actor::from(Identity::new("rea").granted(["read:movies"]));
//! assert!(reader.may::<Read, Movie>().is_ok());
//! assert_eq!(reader.may::<Delete, Movie>().unwrap_err().to_string(), "this needs `delete:movies`");
//! ```
//!
//! Invariant: nothing outside this crate can construct a [`May`].
//! ```compile_fail,E0451
//! # use tollgate_access::{Actor, Create, May, Protected, Rows};
//! fn forge<S: Protected>(actor: Actor) -> May<Create, S> {
//!     May { actor, rows: Rows::All, action: std::marker::PhantomData }
//! }
//! ```

mod action;
mod actor;
mod grant;
mod known;
mod may;
mod policy;
mod roles;

pub use action::{Act, Action, Create, Delete, Implies, Read, Update};
pub use actor::{Actor, Identity, System};
pub use grant::Grants;
pub use known::Known;
pub use may::{Access, Denied, May, Public};
pub use policy::{Policy, Protected, Rows};
pub use roles::Roles;
