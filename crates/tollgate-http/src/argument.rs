//! What a handler may ask for. Each argument takes itself from the call, and describes what it takes.
//!
//! That is why the document cannot drift from the code: the same type does both.
use crate::{Call, Context, Guard, Operation, Place, Reach};
use axum::{body::Bytes, extract::FromRequestParts, http::StatusCode, response::IntoResponse};
use jiff::Timestamp;
use serde_json::json;
use std::{mem, sync::Arc};
use tollgate_access::{Access, Actor};
use tollgate_core::{Faults, Input, Problem};
use tollgate_store::{Database, Resource, Store};

/// Something a handler can ask for after it has said who may call. The framework alone implements it; what it lacks is an
/// extractor of axum's, as [`Axum<E>`](Axum).
#[diagnostic::on_unimplemented(
    message = "a handler cannot ask for `{Self}`",
    label = "not something a request can give",
    note = "ask for `Json<T>`, `Query<T>`, `Path<T>`, `List<T>` or `Store<T>`; wrap an axum extractor as `Axum<E>`"
)]
pub trait Argument: Sized + Send {
    /// Whether it takes the body; a handler has at most one that does.
    const READS_BODY: bool = false;
    /// Whether a request with an `Idempotency-Key` can be kept with its answer. Not where one of them holds a secret, nor
    /// where what the handler does is no part of the transaction around it: such a key is refused with 400.
    const REPEATABLE: bool = true;
    /// Whether it is part of what a caller sent, so that a [job](crate::Service::every) has none.
    const OF_A_REQUEST: bool = Self::READS_BODY;
    /// Says what it takes and how it can refuse.
    fn describe(operation: &mut Operation<'_>);
    /// The database that it works with, if it works with one.
    fn database(_: &Context) -> Option<Arc<dyn Database>> {
        None
    }
    /// Takes it.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// The arguments of a handler: first a [`Guard`], then up to seven [`Argument`]s. The framework alone implements it.
#[diagnostic::on_unimplemented(
    message = "this handler does not say who may call it",
    label = "it has no arguments",
    note = "make `May<Action, Resource>`, `Actor` or `Public` its first argument"
)]
pub trait Arguments: Sized + Send {
    /// The first of them.
    type Guard: Guard;
    /// How many of them take the body.
    const BODIES: usize;
    /// Whether it may have an `Idempotency-Key`: all of them are [repeatable](Argument::REPEATABLE).
    const REPEATABLE: bool;
    /// Who may call.
    fn access() -> Access;
    /// How far somebody gets who calls.
    fn reach(actor: &Actor) -> Reach;
    /// Describes them all.
    fn describe(operation: &mut Operation<'_>);
    /// The database that they work with; that of the first, if they work with several.
    fn database(context: &Context) -> Option<Arc<dyn Database>>;
    /// Takes those behind the guard, from left to right: 401 and 403 come before the body is read.
    fn take_behind(guard: Self::Guard, call: &mut Call) -> impl Future<Output = Result<Self, Problem>> + Send;
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<G: Guard, $($argument: Argument,)*> Arguments for (G, $($argument,)*) {
            type Guard = G;

            const BODIES: usize = 0 $(+ $argument::READS_BODY as usize)*;
            const REPEATABLE: bool = true $(&& $argument::REPEATABLE)*;

            fn access() -> Access {
                G::access()
            }

            fn reach(actor: &Actor) -> Reach {
                G::reach(actor)
            }

            fn describe(operation: &mut Operation<'_>) {
                G::describe(operation);
                $($argument::describe(operation);)*
            }

            fn database(_context: &Context) -> Option<Arc<dyn Database>> {
                None$(.or_else(|| $argument::database(_context)))*
            }

            async fn take_behind(guard: G, _call: &mut Call) -> Result<Self, Problem> {
                Ok((guard, $($argument::take(_call).await?,)*))
            }
        }
    };
}
arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F H);

/// What stands in the path: one value, a tuple in order, or an `#[input]` struct by name.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: Input> Argument for Path<T> {
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        operation.path_parameters::<T>();
        operation.refuses(StatusCode::NOT_FOUND, "There is none, or none that you may see.");
    }

    /// What cannot be an id names nothing: 404.
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let Call { head, aside, .. } = call;
        if let Some(aside) = aside {
            mem::swap(aside, &mut head.extensions);
        }
        let taken = axum::extract::Path::<T>::from_request_parts(head, &()).await;
        if let Some(aside) = aside {
            mem::swap(aside, &mut head.extensions);
        }
        let path = taken.ok().filter(|path| Faults::of(&path.0).is_empty());
        Ok(Self(path.ok_or(tollgate_store::Error::NotFound)?.0))
    }
}

impl<R: Resource> Argument for Store<R> {
    fn describe(operation: &mut Operation<'_>) {
        operation.uses::<R>();
        operation.refuses(StatusCode::SERVICE_UNAVAILABLE, "Too many are waiting, or the database does not answer.");
    }

    fn database(context: &Context) -> Option<Arc<dyn Database>> {
        context.stores.of::<R>().ok().map(|store| Arc::clone(tollgate_store::database_of(&store)))
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let store = call.context.stores.of::<R>()?;
        Ok(call.transaction.as_ref().map_or_else(|| store.clone(), |outer| store.joining(outer)))
    }
}

/// Two arguments as one: a handler has room for eight.
#[diagnostic::do_not_recommend]
impl<A: Argument, B: Argument> Argument for (A, B) {
    const READS_BODY: bool = {
        assert!(!(A::READS_BODY && B::READS_BODY), "a request has one body: this handler asks for it twice");
        A::READS_BODY || B::READS_BODY
    };
    const REPEATABLE: bool = A::REPEATABLE && B::REPEATABLE;
    const OF_A_REQUEST: bool = A::OF_A_REQUEST || B::OF_A_REQUEST;

    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
        B::describe(operation);
    }

    fn database(context: &Context) -> Option<Arc<dyn Database>> {
        A::database(context).or_else(|| B::database(context))
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok((A::take(call).await?, B::take(call).await?))
    }
}

/// What time it is: that of the app's clock, which a test may set.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub Timestamp);

impl Argument for Now {
    fn describe(_: &mut Operation<'_>) {}

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.context.clock.now()))
    }
}

/// The path that was asked for, so that an answer can say where something new is.
pub(crate) struct Here(pub(crate) String);

impl Argument for Here {
    const OF_A_REQUEST: bool = true;

    fn describe(_: &mut Operation<'_>) {}

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.head.uri.path().trim_end_matches('/').to_owned()))
    }
}

/// The body as it was sent, whatever it says it is: a picture, or what a signature in a header was made of. It has as many
/// bytes as [`body_limit`](crate::Service::body_limit) says.
impl Argument for Bytes {
    const READS_BODY: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        let schema = json!({ "type": "string", "contentMediaType": "application/octet-stream" });
        operation.body_of("application/octet-stream", &schema);
        operation.refuses(StatusCode::BAD_REQUEST, "The body does not come whole.");
        operation.refuses(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long.");
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.read_body(call.body_limit).await
    }
}

/// An extractor of axum, or an answer of axum's, for what Tollgate does not offer: headers, a status of one's own, a
/// redirect, a stream. Neither is in the document. On a cached route an extractor finds path and query, and nothing else
/// that came with the request.
#[derive(Clone, Copy, Debug)]
pub struct Axum<E>(pub E);

impl<E: FromRequestParts<()> + Send> Argument for Axum<E> {
    const OF_A_REQUEST: bool = true;

    fn describe(_: &mut Operation<'_>) {}

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let taken = E::from_request_parts(&mut call.head, &()).await;
        taken.map(Self).map_err(|rejection| Problem::new(rejection.into_response().status()))
    }
}

impl Operation<'_> {
    fn path_parameters<T: Input>(&mut self) {
        let names: Vec<String> = self.path_names().map(str::to_owned).collect();
        let schemas = self.schemas.parts::<T>(&names);
        for (index, schema) in schemas.into_iter().enumerate() {
            let name = names.get(index).map_or("unnamed", String::as_str);
            self.parameter(Place::Path, name, schema, true);
        }
    }
}
