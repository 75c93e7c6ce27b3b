//! Where is everything at a provider? It says so itself (OpenID Connect Discovery, RFC 8414).
//!
//! The document must name the issuer that is configured, letter for letter, or it is somebody else's; where its keys are
//! is then taken from it, under the rules of every [`Place`]. It is asked for again after an hour, and where the keys
//! could not be had, since they may have moved.

use crate::outgoing::{Answer, CallError, LARGEST, Outgoing, Place, PlaceError, Why};
use crate::token::{Fetch, Fetched, Fetching, LEVELS};
use serde::Deserialize;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tollgate_core::{Clock, strict};
use url::Url;

/// For how long the metadata is believed.
const KEPT: Duration = Duration::from_hours(1);

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
}

/// The metadata of one issuer, and the keys it points to. Clones share what was learnt.
#[derive(Clone)]
pub struct Published(Arc<Inner>);

struct Inner {
    name: String,
    places: Vec<Place>,
    issuer: String,
    signers: Vec<String>,
    outgoing: Outgoing,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<(Duration, Arc<Metadata>)>>,
}

impl Published {
    /// That of the issuer called `name` in the settings, with its metadata below `at`.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub(super) fn new(
        name: &str,
        (at, issuer, signers): (&str, &str, &[String]),
        outgoing: &Outgoing,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, PlaceError> {
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            places: places(at)?,
            issuer: issuer.to_owned(),
            signers: signers.to_vec(),
            outgoing: outgoing.clone(),
            clock: Arc::clone(clock),
            known: Mutex::default(),
        })))
    }

    /// What the issuer says about itself; asked for if that was an hour ago.
    ///
    /// # Errors
    /// [`MetadataError`]
    pub async fn metadata(&self) -> Result<Arc<Metadata>, MetadataError> {
        let now = self.0.clock.uptime();
        if let Some((at, known)) = &*self.known()
            && now.saturating_sub(*at) < KEPT
        {
            return Ok(Arc::clone(known));
        }
        let metadata = Arc::new(self.ask().await?);
        *self.known() = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
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
        let metadata = self.metadata().await?;
        let place = Metadata::endpoint("jwks_uri", Some(&metadata.jwks_uri))?;
        match self.0.outgoing.get(&place, limit).await {
            Ok(answer) => Ok(Fetched { document: answer.body, fresh: answer.fresh }),
            Err(error) => {
                *self.known() = None;
                Err(error.into())
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Duration, Arc<Metadata>)>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch for Published {
    fn fetch(&self, limit: usize) -> Fetching<'_> {
        Box::pin(async move { Ok(self.keys(limit).await?) })
    }

    fn whose(&self) -> Option<&str> {
        Some(&self.0.name)
    }

    fn may_sign(&self, issuer: &str) -> bool {
        self.0.signers.iter().any(|signer| signer == issuer)
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
