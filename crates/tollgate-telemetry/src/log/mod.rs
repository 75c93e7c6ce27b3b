//! The log: one event, one line, on standard error.
//!
//! On a developer's machine a line is for eyes. Elsewhere it is a JSON object with the names of the Elastic Common Schema,
//! which says of each request, whatever is logged in its course, which one it was and who sent it. Either way a
//! [secret](crate::redact) that got in by mistake does not get out.

mod ecs;
mod lines;

pub use ecs::Scope;
pub(crate) use lines::metrics;

use crate::redact::redact;
use ecs::Ecs;
use lines::Lines;
use std::{
    env,
    io::{self, IsTerminal, Write},
};
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Logging {
    /// What is logged, as in `info,tollgate::request=off`; `RUST_LOG` wins.
    pub filter: String,
    /// What a line looks like.
    pub format: Format,
    /// The app, its version and its environment, which JSON lines say.
    pub service: [String; 3],
    /// What the work at hand is part of.
    pub scope: Scope,
}

/// A layer that sees the same events for another purpose.
pub type Layered = Box<dyn Layer<Registry> + Send + Sync>;

impl Logging {
    /// Starts logging; a second start changes nothing. What is dropped at the end of the process writes what is queued.
    ///
    /// A line that cannot be written is lost: to complain about it where it failed would panic, in the midst of a request.
    pub fn start(self, more: Option<Layered>) -> Flush {
        let wished = env::var(EnvFilter::DEFAULT_ENV).unwrap_or(self.filter);
        // Steps of traces are spans, which would otherwise be made for the log alone.
        let filter = EnvFilter::new(format!("{wished},tollgate::trace=off"));
        match self.format {
            Format::Text => {
                let text = tracing_subscriber::fmt::layer().with_writer(|| Redacted(io::stderr()));
                let text = text.log_internal_errors(false).with_ansi(io::stderr().is_terminal());
                let _ = tracing_subscriber::registry().with(more).with(text.with_filter(filter)).try_init();
                Flush(None)
            }
            Format::Json => {
                let lines = Lines::to(io::stderr());
                let json = Ecs::new(&self.service, self.scope, lines.clone());
                let _ = tracing_subscriber::registry().with(more).with(json.with_filter(filter)).try_init();
                Flush(Some(lines))
            }
        }
    }
}

/// Writes what is queued when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Flush(Option<Lines>);

impl Flush {
    /// Writes what is queued now, and waits for that, for a while.
    pub fn now(&self) {
        self.0.iter().for_each(Lines::flush);
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.now();
    }
}

/// Each write is a line.
struct Redacted<W>(W);

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(redact(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
