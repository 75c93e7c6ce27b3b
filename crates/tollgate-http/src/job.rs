//! Work without a caller: what a service does again and again while the app is served.
//!
//! A job is written like a handler without a guard: it asks for stores and settings by its arguments, and gets its
//! permissions from a [`System`](tollgate_access::System), which must say why.
//!
//! ```
//! # use {std::time::Duration, tollgate_access::{Delete, System}, tollgate_core::Result, tollgate_http::Service};
//! # use tollgate_store::{Filter, Resource, Store};
//! # fn old<R>() -> Filter<R> { Filter::every() }
//! /// Removes what is older than 30 days.
//! async fn forget<Note: Resource>(notes: Store<Note>) -> Result<()> {
//!     notes.delete_all(&System::because("old notes are not kept").may::<Delete, Note>(), old()).await?;
//!     Ok(())
//! }
//! # fn service<Note: Resource>() -> Service {
//! Service::new("notes").every(Duration::from_hours(1), forget::<Note>)
//! # }
//! ```
//!
//! What only a request has does not compile:
//! ```compile_fail,E0080
//! # use std::time::Duration;
//! # use {tollgate_core::Result, tollgate_http::{Path, Service}};
//! async fn nightly(Path(_): Path<i64>) -> Result<()> {
//!     Ok(())
//! }
//! Service::new("notes").every(Duration::from_hours(1), nightly);
//! ```
//!
//! Every instance does its jobs, the first time when it starts: what must happen once is made so that it may happen
//! twice, as removing is.

use crate::{Argument, Call, Context, Operation};
use axum::extract::Request;
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};
use tollgate_core::{Problem, Result};

/// What is to be done again and again.
#[derive(Clone)]
pub struct Job {
    /// Its service and its name, as in `notes_forget`.
    pub name: String,
    /// What it does.
    pub text: String,
    /// How long after its end it begins again.
    pub every: Duration,
    pub(crate) describe: fn(&mut Operation<'_>),
    run: Run,
}

type Run = Arc<dyn Fn(Arc<Context>) -> Done + Send + Sync>;

/// Done, some time later.
type Done = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Job {
    pub(crate) fn new<A: JobArguments>(
        (name, text): (String, String),
        every: Duration,
        run: impl Fn(A) -> Done + Send + Sync + 'static,
    ) -> Self {
        let run = Arc::new(run);
        let run: Run = Arc::new(move |context| {
            let run = Arc::clone(&run);
            Box::pin(async move { run(A::take(&mut Call::new(Request::default(), context, None)).await?).await })
        });
        Self { name, text, every, describe: A::describe, run }
    }

    /// Does it once.
    ///
    /// # Errors
    /// What the job says.
    pub async fn run(&self, context: &Arc<Context>) -> Result<()> {
        (self.run)(Arc::clone(context)).await
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}

/// The arguments of a job: up to eight [`Argument`]s, none of which is sent by anybody.
#[diagnostic::on_unimplemented(
    message = "a job cannot ask for `{Self}`",
    note = "a job has no caller and no request: it asks for `Store<T>`, `Config<T>` and `Now`"
)]
pub trait JobArguments: Sized + Send + 'static {
    /// Whether one of them is what only a request has: then it does not compile.
    const OF_A_REQUEST: bool;
    /// Describes them all.
    fn describe(operation: &mut Operation<'_>);
    /// Takes them from left to right.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>> + Send;
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: Argument + 'static,)*> JobArguments for ($($argument,)*) {
            const OF_A_REQUEST: bool = false $(|| $argument::OF_A_REQUEST)*;

            fn describe(operation: &mut Operation<'_>) {
                $($argument::describe(operation);)*
            }

            async fn take(call: &mut Call) -> Result<Self, Problem> {
                Ok(($($argument::take(call).await?,)*))
            }
        }
    };
}
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);
