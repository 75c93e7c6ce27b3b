//! Processes that end with all they started: the app, and cargo with its compilers.

use crate::Result;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    net::TcpListener,
    os::fd::OwnedFd,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    process::{self, ChildStdout},
    time::timeout,
};

/// How long the app has to answer what it was asked before.
const GRACE: Duration = Duration::from_secs(5);

/// A process and those that it starts. Dropped, all of them are killed.
pub(super) struct Group {
    child: process::Child,
    id: Option<Pid>,
}

impl Group {
    /// Starts it in a group of its own, so that Ctrl-C reaches us alone, and we end it in order.
    pub(super) fn spawn(command: &mut process::Command) -> Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().map_err(|error| format!("cannot run {program}: {error}"))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id })
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until it ended by itself.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await?;
        // Its number may be another's from now on.
        self.id = None;
        Ok(status)
    }

    fn tell(&self, signal: Signal) {
        if let Some(id) = self.id {
            // Whoever is gone needs no signal.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tell(Signal::KILL);
    }
}

/// A version of the app.
pub(super) struct Child {
    group: Group,
    /// When it was started, by the clock on the wall, in UTC.
    pub(super) since: String,
}

impl Child {
    /// Starts it on a socket that listens.
    pub(super) fn start(command: &mut Command, listener: &TcpListener) -> Result<Self> {
        let socket = OwnedFd::from(listener.try_clone()?);
        let mut started = Command::new(command.get_program());
        started.args(command.get_args()).stdin(Stdio::from(socket));
        if let Some(folder) = command.get_current_dir() {
            started.current_dir(folder);
        }
        Ok(Self { group: Group::spawn(&mut started.into())?, since: clock() })
    }

    /// Asks it to end, and makes it.
    pub(super) async fn stop(mut self) {
        self.group.tell(Signal::TERM);
        let _ = timeout(GRACE, self.group.wait()).await;
    }

    /// Waits until it ended by itself, and says how.
    pub(super) async fn ended(&mut self) -> String {
        self.group.wait().await.map_or_else(|why| why.0, |status| status.to_string())
    }
}

/// `14:03:11 UTC`
fn clock() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
