//! The permission as a value.

use crate::{Action, Actor, Identity, Implies, Protected, Rows};
use std::{fmt, marker::PhantomData, panic::Location};
use tollgate_core::Problem;

/// Proof that [`actor`](May::actor) may do `A` to the [`rows`](May::rows) of `S`.
#[must_use]
pub struct May<A, S: Protected> {
    actor: Actor,
    rows: Rows<S>,
    action: PhantomData<fn() -> A>,
}

impl<A, S: Protected> May<A, S> {
    pub(crate) fn granted(actor: Actor, rows: Rows<S>) -> Self {
        Self { actor, rows, action: PhantomData }
    }

    /// Who may. Where anyone may, this is [nobody in particular](Actor::is_anyone).
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The rows they may touch.
    pub fn rows(&self) -> &Rows<S> {
        &self.rows
    }

    /// The same permission without who has it: what is done with it depends on its rows alone, and its answer may be
    /// shared by all who reach the same ones. [`actor`](Self::actor) is nobody in particular, to whom nothing is granted.
    pub fn without_actor(self) -> Self {
        Self::granted(Identity::anyone().into(), self.rows)
    }

    /// The permission for what is part of `A`, on the same rows: `books.update(&may.implied(), …)`.
    pub fn implied<B: Action>(&self) -> May<B, S>
    where
        A: Implies<B>,
    {
        May::granted(self.actor.clone(), self.rows.clone())
    }
}

impl<A, S: Protected> fmt::Debug for May<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("May").field("actor", &self.actor).field("resource", &S::PLURAL).finish_non_exhaustive()
    }
}

/// "No permission needed", said aloud.
#[derive(Clone, Copy, Debug)]
pub struct Public;

/// Nothing grants this.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this needs `{action}:{resource}`")]
pub struct Denied {
    action: &'static str,
    resource: &'static str,
    anyone: bool,
    raised: &'static Location<'static>,
}

impl Denied {
    #[track_caller]
    pub(crate) fn new(action: &'static str, resource: &'static str, anyone: bool) -> Self {
        Self { action, resource, anyone, raised: Location::caller() }
    }

    /// The permission that was missing.
    pub fn permission(&self) -> String {
        format!("{}:{}", self.action, self.resource)
    }
}

impl From<Denied> for Problem {
    #[track_caller]
    fn from(denied: Denied) -> Self {
        let problem = if denied.anyone { Self::unauthorized().challenge() } else { Self::forbidden() };
        problem.because(denied.to_string()).raised_at(denied.raised)
    }
}

/// Who may call an operation, as its signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, signed in or not.
    Public,
    /// Anyone signed in.
    SignedIn,
    /// Whoever has this permission.
    Permission(String),
    /// Whoever has all of these.
    All(Vec<Access>),
}

impl Access {
    /// The permissions it asks for.
    pub fn permissions(&self) -> Vec<&str> {
        match self {
            Self::Public | Self::SignedIn => vec![],
            Self::Permission(name) => vec![name],
            Self::All(all) => all.iter().flat_map(Self::permissions).collect(),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::SignedIn => f.write_str("signed in"),
            Self::Permission(name) => f.write_str(name),
            Self::All(all) => all.iter().enumerate().try_for_each(|(index, access)| {
                f.write_str(if index == 0 { "" } else { " + " })?;
                access.fmt(f)
            }),
        }
    }
}
