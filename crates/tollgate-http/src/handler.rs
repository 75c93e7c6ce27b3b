//! What is a handler? An async function that first says who may call it.
//!
//! [`Handler`] only looks at the shape: a function of so many arguments that answers a future. What the
//! arguments and the answer must be is asked by separate bounds where a route is added
//! ([`Service::get`](crate::Service::get)), so that each mistake gets its own message instead of
//! "the trait `Handler` is not implemented".
use crate::{
    Answer, Arguments, Call, Context,
    cache::{self, CachedRoute},
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

/// What a route says beside its handler.
#[derive(Clone)]
pub(crate) struct Terms {
    /// The longest body, in bytes, if that is not the usual one.
    pub(crate) body_limit: Option<usize>,
    /// How its answers are kept, if they are.
    pub(crate) cached: Option<Arc<CachedRoute>>,
}

/// One request on its road, within the limits of its caller, where there are any.
pub(crate) async fn serve<H, A>(handler: H, request: Request, context: Arc<Context>, terms: Terms) -> Response
where
    H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
{
    let call = &mut Call::new(request, context).with_body_limit(terms.body_limit);
    let taken = match call.context.limits.clone() {
        Some(limits) => limits.of_caller(call).await,
        None => Taken::default(),
    };
    let mut response = match (taken.refusal(), terms.cached) {
        (Some(refusal), _) => refusal,
        (None, None) => run(handler, call).await,
        // Boxed, because few are, and it would make the future of every request large.
        (None, Some(route)) => Box::pin(cache::run(handler, call, &route)).await,
    };
    taken.tell(response.headers_mut());
    response
}

/// One request through one handler.
async fn run<H, A>(handler: H, call: &mut Call) -> Response
where
    H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
{
    let outcome = match idempotency::begin::<H::Arguments>(call).await {
        Ok(Begun::Done(response)) => response,
        Err(problem) => Refusal::from(problem).into_response(),
        // Asked in one place: each would have room in the future of every request.
        Ok(Begun::Now(once)) => {
            let response = answer(handler, call).await;
            match once {
                Some(once) => Box::pin(once.end(response)).await,
                None => unless_known(response, call.head.method.is_safe(), &call.head.headers),
            }
        }
    };
    Refusal::met_by(outcome, call.actor.take(), &call.head.headers, H::Arguments::access)
}

async fn answer<H, A>(handler: H, call: &mut Call) -> Response
where
    H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
{
    match H::Arguments::take(call).await {
        Ok(arguments) => handler.call(arguments).await.answer(),
        Err(problem) => Refusal::from(problem).into_response(),
    }
}
