//! What `/readyz` looks at: every database, whether the keys of every issuer are there, what the other APIs say that the
//! app asks, and the Redis, without which an app computes and counts by itself.

use crate::{backends::Request, running::Running};
use std::sync::Arc;
use tollgate_auth::{Issuers, provider::Issuer, token::Health as KeyHealth};
use tollgate_http::{Health, Unwell};
use tollgate_store::Database;

impl Running {
    /// The checks of the app, each under the name of the settings it is about.
    pub(crate) fn health(&self) -> Health {
        let health = Health::new(self.stop.clone());
        let health = self.databases.each().fold(health, |health, (name, database)| {
            let database = Arc::clone(database);
            health.check(name, move || writes(Arc::clone(&database)))
        });
        let health = match self.redis.clone() {
            Some(ping) => health.optional("redis", move || ping()),
            None => health,
        };
        let health = self.identities.others.iter().fold(health, |health, issuer| {
            let (issuers, name) = (self.identities.others.clone(), issuer.name().to_owned());
            health.check(format!("identity.issuers.{name}"), move || std::future::ready(has_keys(&issuers, &name)))
        });
        let asked = self.backends.iter().filter_map(|backend| Some((backend.name(), backend.health()?)));
        asked.fold(health, |health, (name, request)| {
            health.optional(format!("backends.{name}"), move || is_well(request.clone()))
        })
    }
}

async fn is_well(request: Request) -> Result<(), Unwell> {
    let unwell = |error| Unwell { words: "it does not answer as it should".into(), cause: Some(Box::new(error)) };
    request.send().await.map(drop).map_err(unwell)
}

async fn writes(database: Arc<dyn Database>) -> Result<(), Unwell> {
    let words = "the database does not answer, or takes no writes";
    database.ping().await.map_err(|error| Unwell { words: words.into(), cause: Some(error.into()) })
}

/// An issuer without keys counts: another instance may have them.
fn has_keys(issuers: &Issuers, name: &str) -> Result<(), Unwell> {
    let health = issuers.iter().find(|issuer| issuer.name() == name).map(Issuer::health);
    match health.filter(|health| health.keys == 0) {
        None => Ok(()),
        Some(KeyHealth { failure: None, .. }) => {
            Err(Unwell { words: "its keys were not fetched yet".into(), cause: None })
        }
        // Which address it was that did not answer is for the log.
        Some(KeyHealth { failure: Some(error), .. }) => {
            Err(Unwell { words: format!("there are no keys: {error}").into(), cause: Some(error.into()) })
        }
    }
}
