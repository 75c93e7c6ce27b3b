//! `health`: is the app well that runs beside this command? For images that hold the app and no other program.
//!
//! It is asked over its own socket, as anybody would ask it. Settings are read, secrets are not fetched: a check comes every
//! few seconds.

use super::print;
use crate::{
    app::{App, Failure},
    settings::Server,
};
use clap::Args;
use tollgate_http::Probe;

/// Whom to ask, and what.
#[derive(Args)]
pub(super) struct Line {
    /// Ask whether requests should come (`/readyz`), and not only whether it lives (`/livez`)
    #[arg(long)]
    ready: bool,
    /// The address the app was told to listen on, if it was
    #[arg(long)]
    host: Option<String>,
    /// The port, likewise
    #[arg(long)]
    port: Option<u16>,
}

/// Prints what the app answers, and fails unless that is 200.
pub(super) fn health(app: &App, line: &Line) -> Result<(), Failure> {
    let server: Server = app.configuration()?.typed_group("server")?;
    let (host, port) = (line.host.as_ref().unwrap_or(&server.host), line.port.unwrap_or(server.port));
    let certificate = server.tls.as_ref().map(|files| files.certificate.as_path());
    let path = if line.ready { "/readyz" } else { "/livez" };
    let (status, body) = Probe { host, port, certificate }.ask(path).map_err(Failure)?;
    match status {
        200 => print(&body),
        _ => Err(Failure(format!("{path} answers {status}: {body}"))),
    }
}
