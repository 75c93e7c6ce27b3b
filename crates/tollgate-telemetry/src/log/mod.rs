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
    fmt,
    io::{self, IsTerminal, Write},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Directive, layer::SubscriberExt, util::SubscriberInitExt,
};

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
    /// What is logged, as in `info,tollgate::request=off`.
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
    ///
    /// # Errors
    /// The filter is none, or is one that would silence everything by mistake.
    pub fn start(self, more: Option<Layered>) -> Result<Flush, BadFilter> {
        let filter = filter(&self.filter)?;
        Ok(match self.format {
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
        })
    }
}

/// Why a filter is none.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFilter(String);

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(part) = self;
        write!(
            f,
            "`{part}` is no level (off, error, warn, info, debug, trace), nor a target with one, as in `{part}=info`"
        )
    }
}

/// A word alone would be read as a target, and nothing else be logged: `inof` turns off the log, with all of the audit.
fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let is_level = |part: &str| part.parse::<LevelFilter>().is_ok();
    let says_more = |part: &str| part.contains("::") || part.contains('=') || part.contains('[');
    for part in parts {
        if part.parse::<Directive>().is_err() || !(is_level(part) || says_more(part)) {
            return Err(BadFilter(part.to_owned()));
        }
    }
    // Steps of traces are spans, which would otherwise be made for the log alone.
    Ok(EnvFilter::new(format!("{text},tollgate::trace=off")))
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

/// Each write is of whole lines.
struct Redacted<W>(W);

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(lines) {
            Ok(text) => self.0.write_all(redact(text).as_bytes())?,
            Err(_) => self.0.write_all(lines)?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_silence_everything_by_mistake_is_none() {
        for good in [
            "info",
            "INFO",
            "off",
            "info,tollgate::request=off",
            "warn, films=debug ,",
            "films::shelf",
            "[request]=info",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for (bad, part) in
            [("inof", "inof"), ("info,tollgate::request=lots", "tollgate::request=lots"), ("films,info", "films")]
        {
            let said = filter(bad).unwrap_err();
            assert_eq!(said, BadFilter(part.into()));
            assert!(said.to_string().starts_with(&format!("`{part}` is no level")), "{said}");
        }
    }
}
