//! What becomes of a panic: a 500 for one caller, and a line of the log that says where it happened.
//!
//! A panic unwinds to the [pipeline](crate::pipeline) on the thread on which it happened, so the hook leaves its place
//! there for the pipeline to pick up. The answer says nothing of it.

use crate::refusal::Refusal;
use axum::response::{IntoResponse, Response};
use std::{any::Any, backtrace::Backtrace, cell::RefCell, panic, sync::Once};
use tollgate_core::Problem;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("panicked at {place}: {words}")]
struct Panic {
    words: String,
    place: String,
}

/// From now on, panics are lines of the log, wherever they happen; with `RUST_BACKTRACE`, with their way there.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let (words, backtrace) = (words(info.payload()), Backtrace::capture());
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            tracing::error!(thread, %backtrace, "panicked at {place}: {words:?}");
            // A thread that is ending has no place for it any more.
            let _ = PLACE.try_with(|last| last.replace(Some(place)));
        }));
    });
}

/// The answer to the caller whose request it was.
pub(crate) fn answer(payload: &(dyn Any + Send)) -> Response {
    let place = PLACE.with(RefCell::take).unwrap_or_else(|| "a place that nobody noted".to_owned());
    let cause = Panic { words: words(payload), place };
    let problem = Problem::internal().because("this request met a mistake of ours, which is in the log");
    Refusal::from(problem.caused_by(cause)).into_response()
}

fn words(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no words)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tollgate_core::with_causes;

    #[test]
    fn the_log_learns_where_it_happened_and_the_caller_does_not() {
        log_panics();
        let payload = panic::catch_unwind(|| panic!("hunter2")).unwrap_err();
        let response = answer(&*payload);
        let refusal = response.extensions().get::<Arc<Refusal>>().unwrap();
        let cause = with_causes(&**refusal.problem.cause().unwrap());
        assert!(cause.contains("panics.rs:") && cause.ends_with(": hunter2"), "{cause}");
        let body = String::from_utf8(refusal.bytes().1).unwrap();
        assert!(
            body.contains("a mistake of ours") && !body.contains("hunter2") && !body.contains("panics.rs"),
            "{body}"
        );
    }
}
