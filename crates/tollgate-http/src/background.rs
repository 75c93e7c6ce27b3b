//! Work in the background of a request, that its caller does not wait for: telling another API, say.
//!
//! It is written like a [job](crate::Service::every), and often is one: the job then does what was left undone, because a
//! process that ends takes along what it does in the background.
//!
//! ```
//! # use std::time::Duration;
//! # use {tollgate_access::Public, tollgate_core::Result, tollgate_http::{Background, NoContent, Now, Service}};
//! /// Tells whoever was not told yet.
//! async fn tell(Now(now): Now) -> Result<()> {
//!     // … asks a store who that is, and tells them.
//!     # let _ = now;
//!     Ok(())
//! }
//!
//! async fn order(_: Public, background: Background) -> Result<NoContent> {
//!     // … keeps the order, and then:
//!     background.spawn(tell);
//!     Ok(NoContent)
//! }
//!
//! Service::new("orders").post("/orders", order).every(Duration::from_secs(30), tell);
//! ```
//!
//! It sees what was done before it was spawned: a single write is committed when it returns, and so is
//! [`Store::transaction`](tollgate_store::Store::transaction), *after* which it is to be spawned; within one it may look before
//! the commit, and begins also where nothing is kept.
//!
//! Invariant: a request with an idempotency key is a transaction as a whole, so there it begins after that is committed, and
//! never if it is not.

use crate::{Argument, Call, Context, Handler, Operation, job::JobArguments, trace};
use axum::extract::Request;
use std::{
    any::type_name,
    mem::take,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};
use tollgate_core::{Problem, Result, with_causes};
use tollgate_store::{
    audit::{Origin, with_origin, within},
    background,
};

/// What begins once a transaction is committed; dropped with it otherwise.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Vec<Work>>>);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Waiting {
    pub(crate) fn begin(&self) {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().for_each(background::spawn);
    }
}

/// Spawns work that nobody waits for.
pub struct Background {
    context: Arc<Context>,
    waiting: Option<Waiting>,
}

tollgate_core::debug_by_name!(Background);

impl Background {
    /// Begins the work now; in a request with an idempotency key once that is committed, if it is. Call it after a
    /// transaction of your own, not within. It is part of the request's trace, its lines in the log name the request,
    /// and an error of it is a line; on AWS Lambda it ends before the process is frozen.
    pub fn spawn<H, A>(&self, work: H)
    where
        H: Handler<A, Arguments: JobArguments, Answer = Result<()>, Future: Send + 'static>,
    {
        const {
            assert!(
                !H::Arguments::OF_A_REQUEST,
                "work in the background outlives its request: it asks for stores, settings and `Now`"
            );
        };
        let context = Arc::clone(&self.context);
        let done = async move {
            let arguments = H::Arguments::take(&mut Call::new(Request::default(), context, None)).await?;
            work.call(arguments).await
        };
        let work = within_the_request(async {
            if let Err(problem) = done.await {
                let cause = problem.cause().map(|cause| with_causes(&**cause)).unwrap_or_default();
                tracing::error!(work = type_name::<H>(), %problem, cause, "work in the background failed");
            }
        });
        match &self.waiting {
            Some(waiting) => waiting.0.lock().unwrap_or_else(PoisonError::into_inner).push(work),
            None => background::spawn(work),
        }
    }
}

fn within_the_request(work: impl Future<Output = ()> + Send + 'static) -> Work {
    let work = trace::continued(work);
    match with_origin(Origin::clone) {
        Some(origin) => Box::pin(within(origin, work)),
        None => Box::pin(work),
    }
}

impl Argument for Background {
    fn describe(_: &mut Operation<'_>) {}

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { context: Arc::clone(&call.context), waiting: call.waiting.clone() })
    }
}
