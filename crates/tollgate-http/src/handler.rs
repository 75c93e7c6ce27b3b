//! What is a handler? An async function that first says who may call it.
//!
//! [`Handler`] only looks at the shape: a function of so many arguments that answers a future. What the
//! arguments and the answer must be is asked by separate bounds where a route is added
//! ([`Service::get`](crate::Service::get)), so that each mistake gets its own message instead of
//! "the trait `Handler` is not implemented".
use crate::{
    Answer, Arguments, Call, Context, Guard,
    cache::{self, CachedRoute, Later},
    etag::unless_known,
    idempotency::{self, Begun},
    limits::Taken,
    refusal::Refusal,
};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tollgate_access::Access;
use tollgate_core::Problem;
use tollgate_store::Database;

/// An async function of one to eight arguments.
#[diagnostic::on_unimplemented(
    message = "this is not a handler",
    label = "not an async function of one to eight arguments",
    note = "a handler looks like `async fn list(may: May<Read, Movie>, …) -> Result<Json<…>>`"
)]
pub trait Handler<A>: Clone + Send + Sync + 'static {
    /// What it asks for.
    type Arguments;
    /// What it answers.
    type Answer;
    /// The work.
    type Future: Future<Output = Self::Answer>;
    /// Does it.
    fn call(self, arguments: Self::Arguments) -> Self::Future;
}

macro_rules! handlers {
    ($($argument:ident $value:ident)*) => {
        impl<Function, Work, $($argument,)*> Handler<($($argument,)*)> for Function
        where
            Function: Fn($($argument,)*) -> Work + Clone + Send + Sync + 'static,
            Work: Future,
        {
            type Arguments = ($($argument,)*);
            type Answer = Work::Output;
            type Future = Work;

            fn call(self, ($($value,)*): ($($argument,)*)) -> Work {
                self($($value,)*)
            }
        }
    };
}
handlers!();
handlers!(A a);
handlers!(A a B b);
handlers!(A a B b C c);
handlers!(A a B b C c D d);
handlers!(A a B b C c D d E e);
handlers!(A a B b C c D d E e F f);
handlers!(A a B b C c D d E e F f G g);
handlers!(A a B b C c D d E e F f G g H h);

/// Any handler, without its types: what leads to it is there once, and not for each.
pub(crate) struct AnyHandler {
    /// Who may call it.
    pub(crate) access: fn() -> Access,
    /// Whether it may have an `Idempotency-Key`.
    pub(crate) is_repeatable: bool,
    /// The database that it works with, if it works with one.
    pub(crate) database: fn(&Context) -> Option<Arc<dyn Database>>,
    /// Lets the caller in, and no more.
    pub(crate) admit: for<'a> fn(&'a mut Call) -> Later<'a, Result<(), Problem>>,
    /// Lets the caller in, and answers.
    answer: Way<Response>,
    /// Lets the caller in, for an answer that others get too; `None` where it would be one caller's alone.
    pub(crate) share: Way<Result<Option<Shared>, Problem>>,
}

/// From a call to what comes of it.
type Way<T> = Box<dyn for<'a> Fn(&'a mut Call) -> Later<'a, T> + Send + Sync>;

/// The same once, from behind a guard.
type Rest = Box<dyn for<'a> FnOnce(&'a mut Call) -> Later<'a, Response> + Send>;

/// Somebody was let in, of whom the handler learns no more than what others have in common with them.
pub(crate) struct Shared {
    /// What that is.
    pub(crate) scope: Vec<u8>,
    /// Answers.
    pub(crate) answer: Rest,
}

impl AnyHandler {
    pub(crate) fn of<H, A>(handler: H) -> Self
    where
        H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
    {
        let same = handler.clone();
        Self {
            access: H::Arguments::access,
            is_repeatable: H::Arguments::REPEATABLE,
            database: H::Arguments::database,
            admit: |call| Box::pin(async move { GuardOf::<H, A>::admit(call).await.map(drop) }),
            answer: Box::new(move |call| {
                let handler = handler.clone();
                Box::pin(async move {
                    match GuardOf::<H, A>::admit(call).await {
                        Ok(guard) => behind(handler, guard, call).await,
                        Err(problem) => Refusal::from(problem).into_response(),
                    }
                })
            }),
            share: Box::new(move |call| {
                let handler = same.clone();
                Box::pin(async move {
                    let mut scope = vec![];
                    let Some(guard) = GuardOf::<H, A>::admit(call).await?.shared(&mut scope) else { return Ok(None) };
                    let answer: Rest =
                        Box::new(move |call| Box::pin(async move { behind(handler, guard, call).await }));
                    Ok(Some(Shared { scope, answer }))
                })
            }),
        }
    }
}

type GuardOf<H, A> = <<H as Handler<A>>::Arguments as Arguments>::Guard;

/// What comes behind the guard.
async fn behind<H, A>(handler: H, guard: GuardOf<H, A>, call: &mut Call) -> Response
where
    H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
{
    match H::Arguments::take_behind(guard, call).await {
        Ok(arguments) => handler.call(arguments).await.answer(),
        Err(problem) => Refusal::from(problem).into_response(),
    }
}

/// What answers at a route. Each request has a copy.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Terms>);

/// A handler, and what its route says beside it.
pub(crate) struct Terms {
    pub(crate) handler: Arc<AnyHandler>,
    /// The longest body, in bytes, if that is not the usual one.
    pub(crate) body_limit: Option<usize>,
    /// How its answers are kept, if they are.
    pub(crate) cached: Option<Arc<CachedRoute>>,
}

impl From<Terms> for Endpoint {
    fn from(terms: Terms) -> Self {
        Self(Arc::new(terms))
    }
}

/// Written out: for a function, axum would put another future around this one, with room for the request once more.
impl axum::handler::Handler<(), Arc<Context>> for Endpoint {
    type Future = Later<'static, Response>;

    fn call(self, request: Request, context: Arc<Context>) -> Self::Future {
        let mut call = Call::new(request, context, self.0.body_limit);
        Box::pin(async move { self.0.serve(&mut call).await })
    }
}

impl Terms {
    /// One request on its road, within the limits of its caller, where there are any.
    async fn serve(&self, call: &mut Call) -> Response {
        let taken = match call.context.limits.clone() {
            // Boxed, like other things that few requests need: each would have room in the future of every request.
            Some(limits) => Box::pin(limits.of_caller(call)).await,
            None => Taken::default(),
        };
        let mut response = match (taken.refusal(), &self.cached) {
            (Some(refusal), _) => refusal,
            (None, None) => self.run(call).await,
            (None, Some(route)) => Box::pin(cache::run(&self.handler, call, route)).await,
        };
        taken.tell(response.headers_mut());
        response
    }

    /// One request through one handler.
    async fn run(&self, call: &mut Call) -> Response {
        let outcome = match idempotency::begin(&self.handler, call).await {
            Ok(Begun::Done(response)) => response,
            Err(problem) => Refusal::from(problem).into_response(),
            // Asked in one place: each would have room in the future of every request.
            Ok(Begun::Now(once)) => {
                let response = (self.handler.answer)(call).await;
                match once {
                    Some(once) => Box::pin(once.end(response)).await,
                    None => unless_known(response, call.head.method.is_safe(), &call.head.headers),
                }
            }
        };
        Refusal::met_by(outcome, call.actor.take(), &call.head.headers, self.handler.access)
    }
}
