//! What the crate `tollgate-testing` builds its `TestApp` from: an app on other ground than its own.

use crate::{
    app::{App, Failure},
    running::Running,
    settings::Settings,
};
use axum::Router;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use tollgate_http::RouteInfo;

pub use crate::{
    databases::{Databases, open_at},
    running::Ground,
};
pub use tollgate_auth::Identity;
pub use tollgate_http::{Authenticate, Identified};

/// An app that answers, without a socket.
pub struct Assembled {
    /// Everything it answers.
    pub router: Router,
    /// Each route and who may call it.
    pub routes: Vec<RouteInfo>,
    /// The access matrix: what the command `routes` prints.
    pub access_matrix: String,
    /// The embedded issuer, where callers are not recognised in another way.
    pub identity: Option<Identity>,
    running: Arc<Running>,
    document: OnceLock<Value>,
}

tollgate_core::debug_by_name!(Assembled);

impl Assembled {
    /// Its OpenAPI document.
    pub fn document(&self) -> &Value {
        self.document.get_or_init(|| self.running.design.built.api.document())
    }

    /// Does a job of a service once, as the command `job` does.
    ///
    /// # Errors
    /// There is none of that name, or what it says.
    pub async fn run_job(&self, name: &str) -> Result<(), Failure> {
        self.running.run_job(name).await
    }
}

/// Puts an app together, under these settings and on this ground.
///
/// # Errors
/// What would keep it from starting.
pub async fn assemble(app: App, settings: Settings, ground: Ground) -> Result<Assembled, Failure> {
    let design = app.design(settings)?;
    let (routes, access_matrix) = (design.built.routes.clone(), design.access_matrix());
    let running = Arc::new(Box::pin(design.open_on(ground)).await?);
    let identity = running.identities.own.clone();
    Ok(Assembled { router: running.router().0, routes, access_matrix, identity, running, document: OnceLock::new() })
}
