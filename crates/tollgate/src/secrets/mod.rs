//! Secrets that are kept elsewhere: `secret:aws-sm:films#password` in place of a value.
//!
//! They are fetched before the settings are read, so that no setting knows the difference, and again while the app runs:
//! every few minutes, and at once where one was refused. Who can take a new one over without a restart says so with
//! [`Secrets::on_change`].
//!
//! Invariant: without its secrets nothing starts; once started, one that cannot be had stays what it was. What is said
//! about a secret is its setting and where it is kept, never what it is.

mod fetch;
mod measures;
mod reference;

#[cfg(feature = "aws")]
mod aws;
#[cfg(not(feature = "aws"))]
#[path = "without_aws.rs"]
mod aws;

use crate::app::Failure;
pub(crate) use measures::metrics;

use fetch::Fetched;
use reference::Reference;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tollgate_core::{
    Secret,
    config::{Configuration, Path},
};

/// Between two rounds at least: whoever is refused asks again and again.
const PAUSE: Duration = Duration::from_secs(5);

/// The secrets of an app that are kept elsewhere. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Vec<Held>,
    watchers: Mutex<Vec<Watcher>>,
    doubted: Arc<Notify>,
}

/// A setting whose value is kept elsewhere.
struct Held {
    setting: Path,
    reference: Reference,
    value: Mutex<Secret>,
}

type Take = dyn Fn(&[String], &Secret) -> Result<bool, Failure> + Send + Sync;

/// Whoever takes over what is below `group` without a restart.
struct Watcher {
    group: Path,
    take: Box<Take>,
}

impl Secrets {
    /// Fetches what the configuration refers to, and puts it in its place.
    ///
    /// # Errors
    /// A line for each setting whose secret cannot be had.
    pub(crate) fn fetch(configuration: &mut Configuration) -> Result<Self, Failure> {
        let wanted: Vec<(Path, String)> =
            configuration.references().map(|(path, text)| (path.clone(), text.to_owned())).collect();
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let read = |(setting, text): (Path, String)| match text.parse::<Reference>() {
            Ok(reference) => Ok((setting, reference)),
            Err(why) => Err(format!("`{}`: {why}", setting.join("."))),
        };
        let (wanted, mut wrong) = split(wanted.into_iter().map(read));
        let fetched = if wrong.is_empty() { at_once(&wanted)? } else { Fetched::default() };
        let of = |(setting, reference): (Path, Reference)| match fetched.secret(&reference) {
            Ok(value) => Ok(Held { setting, reference, value: Mutex::new(value) }),
            Err(why) => Err(told(&setting, &reference, &why)),
        };
        let (held, missing) = split(wanted.into_iter().filter(|_| wrong.is_empty()).map(of));
        wrong.extend(missing);
        if !wrong.is_empty() {
            return Err(Failure(wrong.join("\n")));
        }
        for one in &held {
            configuration.resolve(&one.setting, &lock(&one.value));
            measures::looked_up(&one.setting.join("."), true);
        }
        Ok(Self(Arc::new(Inner { held, ..Inner::default() })))
    }

    /// Hears of each new value below that group: the rest of the way, and the value; answers whether it took it over.
    pub(crate) fn on_change(
        &self,
        group: &[&str],
        take: impl Fn(&[String], &Secret) -> Result<bool, Failure> + Send + Sync + 'static,
    ) {
        let group = group.iter().map(|&name| name.to_owned()).collect();
        lock(&self.0.watchers).push(Watcher { group, take: Box::new(take) });
    }

    /// What says that a secret was refused somewhere.
    pub(crate) fn doubt(&self) -> impl Fn() + Send + Sync + 'static {
        let doubted = Arc::clone(&self.0.doubted);
        move || doubted.notify_one()
    }

    /// Looks for new ones now.
    #[cfg(feature = "lambda")]
    pub(crate) async fn renew(&self) {
        if !self.0.held.is_empty() {
            renew(&Arc::downgrade(&self.0)).await;
        }
    }

    /// Looks for new ones from now on, as long as somebody has these.
    pub(crate) fn keep_fresh(&self, every: Duration) {
        if self.0.held.is_empty() {
            return;
        }
        let (secrets, doubted) = (Arc::downgrade(&self.0), Arc::clone(&self.0.doubted));
        tokio::spawn(async move {
            loop {
                let _ = timeout(every, doubted.notified()).await;
                if renew(&secrets).await.is_none() {
                    return;
                }
                sleep(PAUSE.min(every)).await;
            }
        });
    }
}

/// Fetches them all anew; nothing if nobody has them any more.
async fn renew(secrets: &Weak<Inner>) -> Option<()> {
    let references = |inner: &Inner| inner.held.iter().map(|held| held.reference.clone()).collect::<Vec<_>>();
    let wanted = references(&*secrets.upgrade()?);
    let fetched = Fetched::of(wanted.iter()).await;
    let inner = secrets.upgrade()?;
    for held in &inner.held {
        let found = fetched.secret(&held.reference);
        measures::looked_up(&held.setting.join("."), found.is_ok());
        match found {
            Ok(new) => inner.take_over(held, new),
            Err(why) => {
                let why = told(&held.setting, &held.reference, &why);
                tracing::warn!(why, "a secret could not be looked up; its last value stays");
            }
        }
    }
    Some(())
}

impl Inner {
    fn take_over(&self, held: &Held, new: Secret) {
        if lock(&held.value).reveal() == new.reveal() {
            return;
        }
        let setting = held.setting.join(".");
        let watchers = lock(&self.watchers);
        let concerned = watchers.iter().filter(|watcher| held.setting.starts_with(&watcher.group));
        let taken = concerned.map(|watcher| (watcher.take)(&held.setting[watcher.group.len()..], &new));
        match taken.reduce(|one, other| Ok(one? | other?)) {
            Some(Ok(true)) => tracing::info!(setting, "a secret has changed, and was taken over"),
            Some(Err(Failure(why))) => tracing::warn!(setting, why, "a secret has changed to one that will not do"),
            _ => tracing::warn!(setting, "a secret has changed; this setting takes it over at the next start"),
        }
        *lock(&held.value) = new;
    }
}

/// A thread of its own, for whoever asks may be within a runtime.
fn at_once(wanted: &[(Path, Reference)]) -> Result<Fetched, Failure> {
    let fetch = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(Fetched::of(wanted.iter().map(|(_, reference)| reference))))
    };
    let fetched = std::thread::scope(|scope| scope.spawn(fetch).join());
    fetched.unwrap_or_else(|_| Err(Failure("secrets could not be fetched".into())))
}

fn told(setting: &Path, reference: &Reference, why: &str) -> String {
    format!("`{}`: the secret `{reference}` cannot be had: {why}", setting.join("."))
}

fn split<T>(results: impl Iterator<Item = Result<T, String>>) -> (Vec<T>, Vec<String>) {
    let (mut good, mut bad) = (vec![], vec![]);
    results.for_each(|result| match result {
        Ok(one) => good.push(one),
        Err(why) => bad.push(why),
    });
    (good, bad)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.held.iter().map(|held| &held.setting)).finish()
    }
}
