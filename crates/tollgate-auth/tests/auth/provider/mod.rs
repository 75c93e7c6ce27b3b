//! Issuers as the settings name them: their tokens, their metadata, their bad days.

mod fake;
mod metadata;
mod people;
mod settings;
mod sign_in;
mod tokens;

use crate::token::world::{NOW, Signer, clock, object};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write, sync::Arc};
use tempfile::NamedTempFile;
use tollgate_access::{Actor, Roles};
use tollgate_auth::{
    Gate, IssuerSettings, Issuers, Refusal,
    provider::{KeySource, Provider},
    token::Algorithm,
};
use tollgate_core::Clock;

pub(crate) fn settings(json: Value) -> IssuerSettings {
    serde_json::from_value(json).unwrap()
}

/// What the settings of an issuer called `name` say.
pub(crate) fn provider(name: &str, json: Value) -> Provider {
    settings(json).provider(name).unwrap()
}

pub(crate) fn roles() -> Arc<Roles> {
    let role = |name: &str, permissions: &[&str]| {
        (name.to_owned(), permissions.iter().map(|&permission| permission.to_owned()).collect())
    };
    let roles = BTreeMap::from([role("curator", &["create:movies", "update:movies"]), role("admin", &["*"])]);
    Arc::new(Roles::new(&roles, &["read:news".to_owned()]).unwrap())
}

/// An issuer whose keys we have: what is left of it is what its tokens must say.
pub(crate) struct Signed {
    pub(crate) signer: Signer,
    gate: Gate,
}

impl Signed {
    pub(crate) fn new(provider: Provider) -> Self {
        Self::all(vec![provider]).pop().unwrap()
    }

    /// Several, behind one gate each that trusts all of them.
    pub(crate) fn all(mut providers: Vec<Provider>) -> Vec<Self> {
        let mut signers = vec![];
        let files: Vec<_> = providers
            .iter_mut()
            .map(|provider| {
                let signer = Signer::new(&provider.realms[0].name, Algorithm::RS256);
                let mut file = NamedTempFile::new().unwrap();
                file.write_all(json!({ "keys": [signer.pair.jwk("k1")] }).to_string().as_bytes()).unwrap();
                provider.keys = KeySource::File(file.path().to_owned());
                signers.push(signer);
                file
            })
            .collect();
        let clock: Arc<dyn Clock> = Arc::new(clock());
        let issuers = Issuers::start(providers, &roles(), &clock).unwrap();
        drop(files);
        let signed = |signer| Self { signer, gate: issuers.gate(Arc::clone(&clock), 10).unwrap() };
        signers.into_iter().map(signed).collect()
    }

    /// Who comes with a token of this header and these claims, which are added to what every token has.
    pub(crate) async fn ask(&self, header: &Value, claims: &Value) -> Result<Actor, Refusal> {
        self.gate.actor(&self.token(header, claims)).await
    }

    pub(crate) fn token(&self, header: &Value, claims: &Value) -> Vec<u8> {
        let mut header = object(header);
        header.extend(object(&json!({ "alg": "RS256", "kid": "k1" })));
        let mut all = object(&json!({ "iss": self.signer.name, "iat": NOW - 5, "exp": NOW + 600 }));
        all.extend(object(claims));
        all.retain(|_, value| !value.is_null());
        self.signer.token(&Value::Object(header), &Value::Object(all))
    }

    pub(crate) async fn judge(&self, token: &[u8]) -> Result<Actor, Refusal> {
        self.gate.actor(token).await
    }
}

pub(crate) fn permissions(actor: &Actor) -> String {
    actor.grants().permissions().collect::<Vec<_>>().join(" ")
}
