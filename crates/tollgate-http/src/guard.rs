//! The first argument of every handler: who may call it.

use crate::{Call, Operation};
use axum::http::StatusCode;
use tollgate_access::{Access, Action, Actor, May, Protected, Public, Rows};
use tollgate_core::Problem;
use tollgate_store::Resource;

/// The first argument of every handler: who may call it.
#[diagnostic::on_unimplemented(
    message = "this handler does not say who may call it",
    label = "its first argument is `{Self}`",
    note = "make `May<Action, Resource>`, `Actor` or `Public` its first argument"
)]
pub trait Guard: Sized + Send + 'static + sealed::Sealed {
    /// What it asks for.
    fn access() -> Access;
    /// How far somebody gets with what it asks for.
    fn reach(actor: &Actor) -> Reach;
    /// Says what it asks for and how it can refuse.
    fn describe(operation: &mut Operation<'_>);
    /// Lets the caller in.
    ///
    /// # Errors
    /// 401 for nobody, 403 for somebody without the permission.
    fn admit(call: &mut Call) -> impl Future<Output = Result<Self, Problem>> + Send;
    /// Whether an answer to one caller may be given to others who reach the same rows.
    const CAN_BE_SHARED: bool;
    /// The same for an answer that others get too: without who calls. What is left, and so all that the answer can
    /// depend on, is written to the key that it is kept under. `None` where nothing would be left.
    fn shared(self, key: &mut Vec<u8>) -> Option<Self>;
}

/// How far somebody gets with what a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// They are not let in.
    Refused,
    /// Some rows: those that the policy gives them, such as their own.
    Some,
    /// All rows.
    All,
}

impl Reach {
    /// Its word in the access matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "-",
            Self::Some => "some",
            Self::All => "all",
        }
    }
}

mod sealed {
    use super::{Actor, May, Protected, Public};

    pub trait Sealed {}
    impl<A, R: Protected> Sealed for May<A, R> {}
    impl Sealed for Actor {}
    impl Sealed for Public {}
    impl<A: Sealed, B: Sealed> Sealed for (A, B) {}
    impl<A: Sealed, B: Sealed, C: Sealed> Sealed for (A, B, C) {}
}

impl<A: Action, R: Resource> Guard for May<A, R> {
    fn access() -> Access {
        Access::Permission(format!("{}:{}", A::NAME, R::PLURAL))
    }

    fn reach(actor: &Actor) -> Reach {
        match actor.may::<A, R>().as_ref().map(May::rows) {
            Err(_) => Reach::Refused,
            Ok(Rows::All) => Reach::All,
            Ok(_) => Reach::Some,
        }
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.uses::<R>();
        operation.guarded(&Self::access());
        if A::WRITES {
            operation.refuses(StatusCode::CONFLICT, "It contradicts what is stored.");
        }
    }

    async fn admit(call: &mut Call) -> Result<Self, Problem> {
        let actor = call.actor().await?;
        let span =
            tracing::debug_span!(target: "tollgate::trace", "permission", action = A::NAME, resource = R::PLURAL);
        Ok(span.in_scope(|| actor.may())?)
    }

    const CAN_BE_SHARED: bool = true;

    fn shared(self, key: &mut Vec<u8>) -> Option<Self> {
        let (kind, scope) = match self.rows() {
            Rows::All => (0, vec![]),
            Rows::None => (1, vec![]),
            Rows::Where(filter) => (2, filter.expr().to_bytes()),
        };
        key.push(kind);
        key.extend_from_slice(&(scope.len() as u64).to_be_bytes());
        key.extend_from_slice(&scope);
        Some(self.without_actor())
    }
}

impl Guard for Actor {
    fn access() -> Access {
        Access::SignedIn
    }

    fn reach(actor: &Actor) -> Reach {
        if actor.is_signed_in() { Reach::All } else { Reach::Refused }
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.guarded(&Self::access());
    }

    async fn admit(call: &mut Call) -> Result<Self, Problem> {
        let actor = call.actor().await?;
        if actor.is_signed_in() { Ok(actor) } else { Err(Problem::unauthorized().because("sign in first").challenge()) }
    }

    const CAN_BE_SHARED: bool = false;

    fn shared(self, _: &mut Vec<u8>) -> Option<Self> {
        None
    }
}

impl Guard for Public {
    fn access() -> Access {
        Access::Public
    }

    fn reach(_: &Actor) -> Reach {
        Reach::All
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.guarded(&Self::access());
    }

    async fn admit(_: &mut Call) -> Result<Self, Problem> {
        Ok(Self)
    }

    const CAN_BE_SHARED: bool = true;

    fn shared(self, _: &mut Vec<u8>) -> Option<Self> {
        Some(self)
    }
}

macro_rules! tuples {
    ($($guard:ident $index:tt),*) => {
        /// Several permissions: `(read, update): (May<Read, Book>, May<Update, Word>)`.
        impl<$($guard: Guard),*> Guard for ($($guard,)*) {
            fn access() -> Access {
                Access::All(vec![$($guard::access()),*])
            }

            fn reach(actor: &Actor) -> Reach {
                [$($guard::reach(actor)),*].into_iter().fold(Reach::All, Reach::min)
            }

            fn describe(operation: &mut Operation<'_>) {
                $($guard::describe(operation);)*
                operation.guarded(&Self::access());
            }

            async fn admit(call: &mut Call) -> Result<Self, Problem> {
                Ok(($($guard::admit(call).await?,)*))
            }

            const CAN_BE_SHARED: bool = true $(&& $guard::CAN_BE_SHARED)*;

            fn shared(self, key: &mut Vec<u8>) -> Option<Self> {
                Some(($(self.$index.shared(key)?,)*))
            }
        }
    };
}
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
