//! Where is everything at a provider? It says so itself (OpenID Connect Discovery, RFC 8414).
//!
//! The document must name the issuer that is configured, letter for letter, or it is somebody else's; where its keys are
//! is then taken from it, under the rules of every [`Place`]. It is asked for again after an hour, and where the keys
//! could not be had, since they may have moved. While a new one cannot be had, the last good one counts.
//!
//! Invariant: two flights for one document never overlap, and start at least [`PAUSE`] apart, whoever asks: anybody can, by
//! beginning to sign in.

use crate::outgoing::{Answer, CallError, LARGEST, Outgoing, Place, PlaceError, Why};
use crate::token::{Fetch, Fetched, Fetching, LEVELS};
use serde::Deserialize;
use serde_json::Value;
use std::{mem, sync::Arc, time::Duration};
use tokio::sync::watch;
use tollgate_core::{Clock, strict, with_causes};
use tollgate_store::background;
use url::Url;

/// For how long the metadata is believed.
const KEPT: Duration = Duration::from_hours(1);
/// The least time from one flight to the next.
const PAUSE: Duration = Duration::from_secs(10);
/// For how long what is known is taken as it is after a flight in vain, so that keys can be renewed meanwhile.
const ENDURED: Duration = Duration::from_mins(1);
/// How many may wait for a flight.
const WAITERS: usize = 256;

/// What a provider says about itself, as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where people sign in.
    pub authorization_endpoint: Option<String>,
    /// Where a code becomes tokens.
    pub token_endpoint: Option<String>,
    /// Who somebody is.
    pub userinfo_endpoint: Option<String>,
    /// Where people sign out.
    pub end_session_endpoint: Option<String>,
    /// How a client proves at the token endpoint that it is one.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether the answer of a sign-in names the issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// An endpoint of that name, if it is one to be called.
    pub(crate) fn endpoint(name: &'static str, address: Option<&String>) -> Result<Place, MetadataError> {
        let address = address.ok_or(MetadataError::Missing(name))?;
        Place::new(address).map_err(|why| MetadataError::Endpoint(name, why))
    }
}

/// Why there is no metadata.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// It could not be had.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Not a JSON object with an issuer and the place of its keys.
    #[error("{0}: is no metadata of an issuer")]
    Garbage(Place),
    /// Another issuer's; `{0}` is the configured one.
    #[error("the metadata is not that of `{0}`: configure the issuer exactly as it names itself")]
    Issuer(String),
    /// An endpoint that is not to be called.
    #[error("the endpoint `{0}` of the metadata")]
    Endpoint(&'static str, #[source] PlaceError),
    /// An endpoint that is not there.
    #[error("the metadata has no `{0}`")]
    Missing(&'static str),
    /// It was asked for a moment ago, and could not be had.
    #[error(transparent)]
    Earlier(Arc<MetadataError>),
    /// Many wait for it already, or whoever asked was lost.
    #[error("the metadata is not there yet")]
    NotYet,
}

/// The metadata of one issuer, and the keys it points to. Clones share what was learnt.
#[derive(Clone)]
pub struct Published(Arc<Inner>);

tollgate_core::debug_by_name!(Published);

struct Inner {
    name: String,
    places: Vec<Place>,
    issuer: String,
    outgoing: Outgoing,
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Metadata>>,
    /// Why the last flight was in vain, if it was.
    failure: Option<Arc<MetadataError>>,
    started: Option<Duration>,
    /// From when on it is asked for.
    due: Duration,
    flying: bool,
}

impl Published {
    /// That of the issuer called `name` in the settings, with its metadata below `at`.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub(super) fn new(
        name: &str,
        (at, issuer): (&str, &str),
        outgoing: &Outgoing,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, PlaceError> {
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            places: places(at)?,
            issuer: issuer.to_owned(),
            outgoing: outgoing.clone(),
            clock: Arc::clone(clock),
            state: watch::Sender::default(),
        })))
    }

    /// What the issuer says about itself; asked for again if that was an hour ago. While that is in vain, what it said last.
    ///
    /// # Errors
    /// [`MetadataError`]
    pub async fn metadata(&self) -> Result<Arc<Metadata>, MetadataError> {
        self.renew();
        self.landed().await;
        self.known()
    }

    /// The same for keys. A flight in vain is why there are none now; next time they are looked for where they were.
    async fn for_keys(&self) -> Result<Arc<Metadata>, MetadataError> {
        let departed = self.renew();
        self.landed().await;
        let failure = self.0.state.borrow().failure.clone().filter(|_| departed);
        failure.map_or_else(|| self.known(), |failure| Err(MetadataError::Earlier(failure)))
    }

    fn known(&self) -> Result<Arc<Metadata>, MetadataError> {
        let state = self.0.state.borrow();
        let why = || state.failure.clone().map_or(MetadataError::NotYet, MetadataError::Earlier);
        state.known.clone().ok_or_else(why)
    }

    /// Waits for the flight that is under way, if any. Where many do already, it is not waited for.
    async fn landed(&self) {
        let mut landing = self.0.state.subscribe();
        if self.0.state.receiver_count() <= WAITERS {
            let _ = landing.wait_for(|state| !state.flying).await;
        }
    }

    /// Starts a flight if that is due; whether it did.
    fn renew(&self) -> bool {
        let now = self.0.clock.uptime();
        let departs = self.0.state.send_if_modified(|state| {
            let departs = state.may_depart(now);
            if departs {
                (state.flying, state.started) = (true, Some(now));
            }
            departs
        });
        if departs {
            background::spawn(Flight { published: self.clone(), outcome: Err(MetadataError::NotYet) }.fly());
        }
        departs
    }

    fn land(&self, outcome: Result<Metadata, MetadataError>) {
        let now = self.0.clock.uptime();
        self.0.state.send_modify(|state| {
            state.flying = false;
            match outcome {
                Ok(metadata) => {
                    (state.known, state.failure, state.due) = (Some(Arc::new(metadata)), None, now + KEPT);
                }
                Err(error) => {
                    // A command ends before it comes, which is nothing to warn of; a panic has said so itself.
                    if !matches!(error, MetadataError::NotYet) {
                        tracing::warn!(issuer = self.0.name, error = with_causes(&error), "metadata could not be had");
                    }
                    let pause = if state.known.is_some() { ENDURED } else { Duration::ZERO };
                    (state.failure, state.due) = (Some(Arc::new(error)), now + pause);
                }
            }
        });
    }

    /// At the second place only where the first says that there is nothing.
    async fn ask(&self) -> Result<Metadata, MetadataError> {
        let [first, rest @ ..] = &self.0.places[..] else { return Err(MetadataError::Issuer(self.0.issuer.clone())) };
        let mut place = first;
        let mut answer = self.get(place).await;
        for other in rest {
            if !matches!(&answer, Err(error) if matches!(error.why, Why::Status(status) if status.is_client_error())) {
                break;
            }
            (place, answer) = (other, self.get(other).await);
        }
        let object = strict::object(&answer?.body, LEVELS).map_err(|_| MetadataError::Garbage(place.clone()))?;
        let metadata: Metadata =
            serde_json::from_value(Value::Object(object)).map_err(|_| MetadataError::Garbage(place.clone()))?;
        if metadata.issuer == self.0.issuer { Ok(metadata) } else { Err(MetadataError::Issuer(self.0.issuer.clone())) }
    }

    async fn get(&self, place: &Place) -> Result<Answer, CallError> {
        self.0.outgoing.get(place, LARGEST).await
    }

    async fn keys(&self, limit: usize) -> Result<Fetched, MetadataError> {
        let metadata = self.for_keys().await?;
        let place = Metadata::endpoint("jwks_uri", Some(&metadata.jwks_uri))?;
        match self.0.outgoing.get(&place, limit).await {
            Ok(answer) => Ok(Fetched { document: answer.body, fresh: answer.fresh }),
            Err(error) => {
                self.0.state.send_modify(|state| state.due = Duration::ZERO);
                Err(error.into())
            }
        }
    }
}

impl State {
    fn may_depart(&self, now: Duration) -> bool {
        !self.flying && now >= self.due && self.started.is_none_or(|at| now.saturating_sub(at) >= PAUSE)
    }
}

/// A question under way, which nobody takes along who leaves. It lands whatever happens to it, also a panic.
struct Flight {
    published: Published,
    outcome: Result<Metadata, MetadataError>,
}

impl Flight {
    async fn fly(mut self) {
        self.outcome = self.published.ask().await;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.published.land(mem::replace(&mut self.outcome, Err(MetadataError::NotYet)));
    }
}

impl Fetch for Published {
    fn fetch(&self, limit: usize) -> Fetching<'_> {
        Box::pin(async move { Ok(self.keys(limit).await?) })
    }

    fn whose(&self) -> Option<&str> {
        Some(&self.0.name)
    }
}

/// OpenID Connect appends to the issuer; RFC 8414 (3.1) inserts after its host.
fn places(at: &str) -> Result<Vec<Place>, PlaceError> {
    let base = Place::new(at.trim_end_matches('/'))?;
    let appended = format!("{}/.well-known/openid-configuration", base.url().as_str().trim_end_matches('/'));
    let mut inserted: Url = base.url().clone();
    inserted.set_path(&format!("/.well-known/oauth-authorization-server{}", base.url().path().trim_end_matches('/')));
    Ok(vec![Place::new(&appended)?, Place::new(inserted.as_str())?])
}
