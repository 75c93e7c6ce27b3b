//! `describe`: what the app is and what it expects, for tools that start, watch or deploy it.

use super::print;
use crate::app::{App, Failure};
use serde::Serialize;
use serde_json::Value;
use tollgate_auth::provider::Provider;
use tollgate_core::config;

/// What is told. Secrets are hidden, and those kept elsewhere are not fetched: it works where the app could not run.
#[derive(Serialize)]
struct Description {
    name: &'static str,
    version: &'static str,
    prefix: String,
    issuers: Vec<Issuer>,
    settings: Value,
}

/// An identity provider whose tokens the app trusts.
#[derive(Serialize)]
struct Issuer {
    name: String,
    issuer: String,
    audiences: Vec<String>,
}

/// Prints it as JSON.
pub(super) fn describe(app: &App) -> Result<(), Failure> {
    let configuration = app.configuration()?;
    let providers = app.settings_unfetched(&configuration)?.providers().map_err(Failure)?;
    let description = Description {
        name: app.name,
        version: app.version,
        prefix: config::prefix(app.name),
        issuers: providers.into_iter().flat_map(issuers).collect(),
        settings: configuration.json(),
    };
    print(&serde_json::to_string_pretty(&description).map_err(|error| Failure::of(&error))?)
}

/// One for each tenant.
fn issuers(provider: Provider) -> impl Iterator<Item = Issuer> {
    let Provider { name, realms, audiences, .. } = provider;
    realms.into_iter().map(move |realm| Issuer { name: name.clone(), issuer: realm.name, audiences: audiences.clone() })
}
