//! What `/readyz` looks at: every database, and whether the keys of every issuer are there.

use crate::running::Running;
use std::sync::Arc;
use tollgate_auth::Issuers;
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
        self.issuers.iter().fold(health, |health, issuer| {
            let (issuers, name) = (self.issuers.clone(), issuer.name().to_owned());
            health.check(format!("identity.issuers.{name}"), move || std::future::ready(has_keys(&issuers, &name)))
        })
    }
}

async fn writes(database: Arc<dyn Database>) -> Result<(), Unwell> {
    let words = "the database does not answer, or takes no writes";
    database.ping().await.map_err(|error| Unwell { words, cause: Some(error.into()) })
}

/// An issuer without keys counts: another instance may have them.
fn has_keys(issuers: &Issuers, name: &str) -> Result<(), Unwell> {
    let without = issuers.iter().find(|issuer| issuer.name() == name).and_then(|issuer| issuer.health().reason());
    without.map_or(Ok(()), |why| Err(Unwell { words: "there are no keys of this issuer", cause: Some(why.into()) }))
}
