//! What the crate `tollgate-testing` builds its `TestApp` from: an app on other ground than its own.

use crate::{
    app::{App, Failure},
    running::Ground,
    settings::Settings,
};
use axum::Router;
use serde_json::Value;
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_http::RouteInfo;
use tollgate_store::Database;

pub use tollgate_http::{Authenticate, Identified};

/// What a test puts under an app.
pub struct Parts {
    /// The settings.
    pub settings: Settings,
    /// Where rows live.
    pub database: Arc<dyn Database>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Recognises callers, in place of the embedded issuer, which then is absent.
    pub authenticate: Option<Arc<dyn Authenticate>>,
    /// Whether new tables get their first rows.
    pub first_rows: bool,
}

/// An app that answers, without a socket.
pub struct Assembled {
    /// Everything it answers.
    pub router: Router,
    /// Its OpenAPI document.
    pub document: Value,
    /// Each route and who may call it.
    pub routes: Vec<RouteInfo>,
    /// The access matrix: what the command `routes` prints.
    pub access_matrix: String,
}

/// Puts an app together.
///
/// # Errors
/// What would keep it from starting.
pub async fn assemble(app: App, parts: Parts) -> Result<Assembled, Failure> {
    let Parts { settings, database, clock, authenticate, first_rows } = parts;
    let design = app.design(settings)?;
    let (document, routes, access_matrix) =
        (design.built.document.clone(), design.built.routes.clone(), design.access_matrix());
    let running = design.open_on(Ground { databases: database.into(), clock, authenticate, first_rows }).await?;
    Ok(Assembled { router: Arc::new(running).router(), document, routes, access_matrix })
}
