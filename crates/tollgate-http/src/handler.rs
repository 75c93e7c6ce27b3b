//! What is a handler? An async function that first says who may call it.
//!
//! [`Handler`] only looks at the shape: a function of so many arguments that answers a future. What the
//! arguments and the answer must be is asked by separate bounds where a route is added
//! ([`Service::get`](crate::Service::get)), so that each mistake gets its own message instead of
//! "the trait `Handler` is not implemented".
use crate::{
    Answer, Arguments, Call,
    etag::unless_known,
    idempotency::{self, Begun},
    refusal::Refusal,
};
use axum::response::{IntoResponse, Response};

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

/// A request on its road, within the limits of its caller, where there are any.
pub(crate) async fn limited(mut call: Call, road: impl AsyncFnOnce(Call) -> Response) -> Response {
    let Some(limits) = call.context.limits.clone() else { return road(call).await };
    let taken = limits.of_caller(&mut call).await;
    let mut response = match taken.refusal() {
        Some(refusal) => refusal,
        None => road(call).await,
    };
    taken.tell(response.headers_mut());
    response
}

/// One request through one handler.
pub(crate) async fn run<H, A>(handler: H, mut call: Call) -> Response
where
    H: Handler<A, Arguments: Arguments, Answer: Answer, Future: Send>,
{
    let outcome = match idempotency::begin::<H::Arguments>(&mut call).await {
        Ok(Begun::Plain) => {
            let response = answer(handler, &mut call).await;
            unless_known(response, call.head.method.is_safe(), &call.head.headers)
        }
        Ok(Begun::Once(once)) => Box::pin(once.end(answer(handler, &mut call).await)).await,
        Ok(Begun::Done(response)) => response,
        Err(problem) => Refusal::from(problem).into_response(),
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
