//! The log: lines for people on standard error.

use crate::settings::Settings;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` wins over the settings; a second start changes nothing.
///
/// A line that cannot be written is lost: to complain about it where it failed would panic, in the midst of a request.
pub(crate) fn start(settings: &Settings) {
    let default = if settings.is_dev() { "info,tollgate::request=debug" } else { "info" };
    let filter = settings.log.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = lines.log_internal_errors(false).with_ansi(std::io::stderr().is_terminal()).try_init();
}
