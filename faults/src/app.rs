//! The reference application as a process that can be killed and started again, at one address.

use crate::{Result, Stage, client::Client};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{task::block_in_place, time::sleep};
use tollgate_testing::servers::free_port;

/// Who does not get ready in that time never does.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A user who may write messages and read everything they need to.
const SIGN_IN: &str = "username=reader@example.test&password=lorem-ipsum";

/// The application. It ends with this value.
pub(crate) struct App {
    command: Command,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    pub(crate) port: u16,
    pub(crate) token: Arc<str>,
    log: PathBuf,
    folder: TempDir,
}

impl App {
    /// Starts the application with that setting, and signs in.
    pub(crate) async fn start(stage: &Stage, setting: (&str, String)) -> Result<Self> {
        Self::start_at(stage, free_port(), &[setting]).await
    }

    /// The same on a port, with any number of settings.
    pub(crate) async fn start_at(stage: &Stage, port: u16, settings: &[(&str, String)]) -> Result<Self> {
        Self::start_with(stage, port, settings, &[]).await
    }

    /// The same with variables that are no settings.
    pub(crate) async fn start_with(
        stage: &Stage,
        port: u16,
        settings: &[(&str, String)],
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let log = folder.path().join("log");
        let mut command = Command::new(&stage.binary);
        command.args(["--port", &port.to_string()]).current_dir(folder.path()).env_remove("RUST_LOG");
        command.env("LOREM_IPSUM_LOG__FILTER", "warn").env("LOREM_IPSUM_PATIENTS__DEMO", "");
        let setting = |(setting, value): &(&str, String)| (format!("LOREM_IPSUM_{setting}"), value.clone());
        // Behind a proxy there are demo users only where that is on this machine too.
        let here = ("SERVER__PUBLIC_URL", format!("http://127.0.0.1:{port}"));
        let settings: Vec<_> = [here].iter().chain(settings).map(setting).collect();
        command.envs(settings.iter().cloned()).envs(variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut app = Self { command, settings, child: None, port, token: "".into(), log, folder };
        app.resume().await?;
        let answer = app.client().post_form("/token", SIGN_IN, None).await?.json();
        app.token = answer["access_token"].as_str().ok_or_else(|| format!("no token: {answer}"))?.into();
        Ok(app)
    }

    /// Has an operator give a command beside it; what that prints.
    pub(crate) fn operate(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.command.get_program());
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG");
        let output = block_in_place(|| command.envs(self.settings.iter().cloned()).stdin(Stdio::null()).output())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{arguments:?}: {}", text(&output.stderr)).into())
        }
    }

    /// Kills it: it is told nothing.
    pub(crate) fn kill(&mut self) -> Result {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Tells it to stop, as a service manager does, and waits; how long it took.
    pub(crate) async fn stop(&mut self) -> Result<Duration> {
        let Some(child) = &mut self.child else { return Ok(Duration::ZERO) };
        let start = Instant::now();
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        loop {
            if let Some(end) = child.try_wait()? {
                let log = fs::read_to_string(&self.log)?;
                return if end.success() { Ok(start.elapsed()) } else { Err(format!("{end}: {log}").into()) };
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it again; how long it took until `/readyz` said so.
    pub(crate) async fn resume(&mut self) -> Result<Duration> {
        self.launch()?;
        self.until_ready().await
    }

    /// Starts it again, and does not wait.
    pub(crate) fn launch(&mut self) -> Result {
        let child =
            self.command.spawn().map_err(|error| format!("{}: {error}", self.command.get_program().display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// How long it takes until `/readyz` says that it is ready.
    pub(crate) async fn until_ready(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let mut client = Client::new(self.port, &"".into());
        while !client.get("/readyz").await.is_ok_and(|answer| answer.status.is_success()) {
            let has_ended = self.child.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|end| end.is_some()));
            if has_ended || start.elapsed() > TIMEOUT {
                return Err(format!("the app is not ready:\n{}", fs::read_to_string(&self.log)?).into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(start.elapsed())
    }

    /// Somebody who is signed in.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.port, &self.token)
    }

    /// Whether it ever panicked.
    pub(crate) fn panicked(&self) -> Result<bool> {
        Ok(self.logged("panicked at")? > 0)
    }

    /// How often it wrote these words to its log.
    pub(crate) fn logged(&self, words: &str) -> Result<usize> {
        Ok(fs::read_to_string(&self.log)?.matches(words).count())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
