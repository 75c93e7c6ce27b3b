//! `dev`: the application, rebuilt and restarted when a file changes.
//!
//! ```text
//! watch.rs    what changed, once it is quiet again
//! build.rs    cargo, whose errors are shown as it shows them
//! child.rs    the app: given the port that is listened on here, stopped gently
//! ```
//!
//! The port is opened once, here, and handed to each version of the app as its standard input. So nobody is refused
//! while one follows the other: connections wait in the system. The old version answers until the new one compiled; if
//! it does not compile, the old one stays.

mod build;
mod child;
mod watch;

use crate::{Result, app::App, say};
use build::{Built, build};
use child::Child;
use clap::Args;
use std::{net::TcpListener, path::Path, process::Command, time::Instant};
use tokio::signal::unix::{SignalKind, signal};
use watch::Changes;

/// Serve the application in this folder, rebuilt and restarted when a file changes.
#[derive(Args)]
pub(crate) struct Dev {
    /// Listen on this address [default: what the app's settings say]
    #[arg(long)]
    host: Option<String>,
    /// Listen on this port [default: what the app's settings say]
    #[arg(long)]
    port: Option<u16>,
    /// Build with these features
    #[arg(long)]
    features: Vec<String>,
    /// Leave on the screen what was there before
    #[arg(long)]
    no_clear: bool,
    /// What else the app's command `serve` is told
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Watches until told to stop.
pub(crate) fn run(dev: &Dev) -> Result {
    let app = App::here()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        let mut session = Session { dev, app: &app, port: None, running: None };
        let over = tokio::select! {
            over = session.watch() => over,
            _ = interrupted.recv() => Ok(()),
            _ = terminated.recv() => Ok(()),
            _ = hung_up.recv() => Ok(()),
        };
        if let Some(child) = session.running.take() {
            tokio::select! {
                () = child.stop() => {}
                // Whoever says it twice does not want to wait; the child ends with its handle.
                _ = interrupted.recv() => {}
            }
        }
        over
    })
}

/// What is kept from one version of the app to the next.
struct Session<'a> {
    dev: &'a Dev,
    app: &'a App,
    port: Option<Port>,
    running: Option<Child>,
}

/// The socket that every version listens on.
struct Port {
    listener: TcpListener,
    host: String,
}

impl Port {
    fn open(host: String, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((host.as_str(), port)).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("port {port} of {host} is taken: stop who has it, or choose another with --port")
            }
            _ => format!("cannot listen on {host}:{port}: {error}"),
        })?;
        Ok(Self { listener, host })
    }
}

impl Session<'_> {
    async fn watch(&mut self) -> Result {
        let mut changes = Changes::of(self.app)?;
        loop {
            self.rebuild(&mut changes).await?;
            let file = self.wait(&mut changes).await;
            if !self.dev.no_clear {
                clear();
            }
            say::step(&format!("{file} changed"));
        }
    }

    /// Builds until what is built is what is there, and starts it.
    async fn rebuild(&mut self, changes: &mut Changes) -> Result {
        let begin = Instant::now();
        let built = loop {
            tokio::select! {
                built = build(self.app, &self.dev.features) => break built?,
                file = changes.next() => say::step(&format!("{file} changed, building anew")),
            }
        };
        match built {
            Built::Program(program) => {
                changes.of_program(&program);
                say::done(&format!("built in {}", say::seconds(begin.elapsed())));
                self.restart(&program).await
            }
            Built::Broken => {
                say::plain("");
                match &self.running {
                    Some(child) => say::care(&format!(
                        "it does not compile: the version of {} goes on answering; waiting for a change",
                        child.since
                    )),
                    None => say::care("it does not compile: waiting for a change"),
                }
                Ok(())
            }
        }
    }

    /// Ends the old version and starts the new one, on the same port.
    async fn restart(&mut self, program: &Path) -> Result {
        if self.port.is_none() {
            match self.address(program) {
                Ok((host, port)) => self.port = Some(Port::open(host, port)?),
                Err(why) => {
                    say::failed(&why.0);
                    say::care("where to listen is not known: waiting for a change");
                    return Ok(());
                }
            }
        }
        if let Some(old) = self.running.take() {
            old.stop().await;
        }
        let Some(Port { listener, host }) = &self.port else { return Ok(()) };
        let mut command = Command::new(program);
        let port = listener.local_addr()?.port();
        command.args(["serve", "--socket", "--host", host, "--port", &port.to_string()]).args(&self.dev.arguments);
        self.running = Some(Child::start(command.current_dir(&self.app.folder), listener)?);
        Ok(())
    }

    /// The address that flags or the app's settings name.
    fn address(&self, program: &Path) -> Result<(String, u16)> {
        let said = crate::tools::stdout(Command::new(program).arg("describe").current_dir(&self.app.folder))?;
        let described: crate::app::Description = serde_json::from_str(&said)?;
        let host = self.dev.host.clone().or(described.text("server.host")).unwrap_or_else(|| "127.0.0.1".into());
        let port = described.text("server.port").and_then(|port| port.parse().ok());
        Ok((host, self.dev.port.or(port).unwrap_or(8000)))
    }

    /// Waits for a change, and says of which file; tells if the app ended meanwhile.
    async fn wait(&mut self, changes: &mut Changes) -> String {
        loop {
            let Some(child) = &mut self.running else {
                return changes.next().await;
            };
            tokio::select! {
                file = changes.next() => return file,
                how = child.ended() => {
                    say::care(&format!("the app ended ({how}): waiting for a change"));
                    self.running = None;
                }
            }
        }
    }
}

/// Empties the screen, where there is one.
fn clear() {
    use std::io::{IsTerminal, Write};
    let mut screen = std::io::stdout();
    if screen.is_terminal() {
        // Everything including what was scrolled away, and to the upper left (ECMA-48).
        let _ = write!(screen, "\x1b[2J\x1b[3J\x1b[H");
        let _ = screen.flush();
    }
}
