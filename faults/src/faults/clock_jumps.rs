//! F10: the calendar jumps by an hour and by a day, forward and back, under load.
//!
//! Pass: no request of those who come with an API key fails; a token is good neither after its time nor before it; who has
//! used a limit up, or guessed too often, gains nothing.

use crate::{Finding, Result, Stage, app::App, client::Client, load::Ledger, open_loop::keep_asking};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::time::sleep;
use tollgate_testing::servers::{faketime, free_port};

/// How far the calendar jumps, in seconds.
const JUMPS: [i64; 4] = [3600, -3600, 86_400, -86_400];
/// Less than a jump, more than all of this takes.
const TOKEN_MINUTES: u32 = 30;
/// Requests a second.
const RATE: u32 = 200;
/// A limited route, and how often it may be asked.
const LIMITED: &str = "/movies/?movie_id=1";
const QUOTA: usize = 5;
/// The process looks once a second what time it is to be.
const SEEN: Duration = Duration::from_millis(2500);

/// What time it is for a process that was started with these variables.
struct Calendar {
    file: PathBuf,
    library: PathBuf,
}

impl Calendar {
    fn new(folder: &Path) -> Result<Self> {
        let library = faketime().ok_or("libfaketime is missing (Debian package faketime)")?;
        let calendar = Self { file: folder.join("calendar"), library };
        calendar.jump(0)?;
        Ok(calendar)
    }

    /// From now on it is so many seconds later than it is.
    fn jump(&self, seconds: i64) -> Result {
        // In one step: half of a file would be another time.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n"))?;
        Ok(fs::rename(new, &self.file)?)
    }

    /// The stopwatch goes on as it does.
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let folder = TempDir::new()?;
    let calendar = Calendar::new(folder.path())?;
    let settings = [
        ("IDENTITY__ACCESS_TOKEN_MINUTES", TOKEN_MINUTES.to_string()),
        ("LIMITS__ROUTES", format!(r#"{{"GET /movies/": "{QUOTA} per day"}}"#)),
        ("SERVER__PROXIES", "1".to_owned()),
    ];
    let app = App::start_with(stage, free_port(), &settings, &calendar.variables()).await?;
    let scopes = ["read:movies", "create:messages"].map(|scope| ["--scope", scope]).concat();
    let key = app.operate(&[&["api-key", "create", "load"], &scopes[..]].concat())?;
    let load = Client::new(app.port, &key.trim().into());
    let mut finding = Finding::default();
    use_up(&app).await?;

    let rounds = stage.pick(5, 1);
    let ledger = Arc::new(Ledger::default());
    let lasting = SEEN * 2 * rounds * u32::try_from(JUMPS.len())? + Duration::from_secs(2);
    let load = tokio::spawn(keep_asking(load, Arc::clone(&ledger), RATE, lasting));
    for jump in (0..rounds).flat_map(|_| JUMPS) {
        let before = sign_in(&app).await?;
        calendar.jump(jump)?;
        sleep(SEEN).await;
        let during = sign_in(&app).await?;
        expect(&mut finding, &app, jump, [(&before, 401), (&during, 200)]).await?;
        calendar.jump(0)?;
        sleep(SEEN).await;
        expect(&mut finding, &app, jump, [(&during, 401), (&before, 200)]).await?;
    }
    let requests = load.await?;
    let failed = requests.iter().filter(|request| !request.is_well).count();
    finding.acks = ledger.acks();
    finding.require(failed == 0, || format!("{failed} of {} requests failed", requests.len()));
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    let count = JUMPS.len() * usize::try_from(rounds)?;
    finding.note(format!("{count} jumps there and back, {} requests with an API key, {failed} failed", requests.len()));
    Ok(finding)
}

/// Takes all of a quota, and guesses until nobody listens.
async fn use_up(app: &App) -> Result {
    let mut client = app.client();
    for _ in 0..QUOTA {
        client.get(LIMITED).await?;
    }
    let begun = Instant::now();
    while guess(app).await? != 429 {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("nobody slowed down who guessed".into());
        }
    }
    Ok(())
}

async fn guess(app: &App) -> Result<u16> {
    let form = "username=curator@example.test&password=a+wrong+password";
    Ok(Client::new(app.port, &"".into()).post_form("/token", form, Some("192.0.2.7")).await?.status.as_u16())
}

async fn sign_in(app: &App) -> Result<Arc<str>> {
    let form = "username=reader@example.test&password=lorem-ipsum";
    let answer = Client::new(app.port, &"".into()).post_form("/token", form, Some("192.0.2.8")).await?.json();
    Ok(answer["access_token"].as_str().ok_or_else(|| format!("no token: {answer}"))?.into())
}

/// What each token is worth now, and that neither the limit nor who guesses gained anything.
async fn expect(finding: &mut Finding, app: &App, jump: i64, tokens: [(&Arc<str>, u16); 2]) -> Result {
    for (token, wanted) in tokens {
        let status = Client::new(app.port, token).get("/movies/1").await?.status.as_u16();
        finding.require(status == wanted, || format!("{jump:+} s: a token is answered {status}, not {wanted}"));
        if status == 200 {
            let status = Client::new(app.port, token).get(LIMITED).await?.status.as_u16();
            finding.require(status == 429, || format!("{jump:+} s: who had used a limit up is answered {status}"));
        }
    }
    let status = guess(app).await?;
    finding.require(status == 429, || format!("{jump:+} s: who guesses is answered {status}"));
    Ok(())
}
