//! Every route × every kind of caller, with real tokens: who is let in, and what does a stranger learn?
//!
//! The expectation is derived from the handler's signature ([`RouteInfo::reach`]), the outcome is what the app answers, so
//! that one checks the other. The callers: nobody; tokens that have expired or are for another audience; a user without
//! permissions; two users with every permission but no `:any`, of whom one owns a row; an admin.
//!
//! ```text
//! mod.rs        the walk              callers.rs   who calls, and with what
//! verdict.rs    what is expected      ground.rs    the app, and rows for its routes
//! ```
//!
//! ```
//! # use tollgate::prelude::*;
//! # /// A note.
//! # #[resource(plural = "notes")]
//! # pub struct Note { #[id(generated)] pub note_id: i64, #[owner] pub author: String, pub text: String }
//! # fn app() -> App { App::new("notes").service(Service::new("notes").crud::<Note>("/notes")) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use tollgate_testing::Matrix;
//! let matrix = Matrix::of(app).row("/notes", |n| serde_json::json!({ "text": format!("note {n}") }));
//! matrix.check().await;
//! # });
//! ```

mod callers;
mod ground;
mod verdict;

use callers::Caller;
use ground::{Ground, Rows};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tollgate::App;
use tollgate_http::RouteInfo;
use tollgate_store::{Database, Memory};

/// What is walked: an app, and the rows that its routes speak of.
pub struct Matrix {
    app: fn() -> App,
    database: Arc<dyn Database>,
    rows: Rows,
    given: Map<String, Value>,
}

tollgate_core::debug_by_name!(Matrix);

impl Matrix {
    /// The routes of an app, its rows in memory. How rows of the framework itself come to be is known.
    pub fn of(app: fn() -> App) -> Self {
        let matrix = Self { app, database: Arc::new(Memory::default()), rows: vec![], given: Map::new() };
        matrix
            .parameter("session", "none")
            .row(
                "/users",
                |n| json!({ "name": "Ann", "email": format!("ann{n}@example.test"), "password": "correct horse battery staple" }),
            )
            .row("/api-keys", |n| json!({ "name": format!("laptop {n}"), "scopes": ["read:api_keys"] }))
    }

    /// Keeps the rows in this database, which must be empty.
    #[must_use]
    pub fn on(self, database: Arc<dyn Database>) -> Self {
        Self { database, ..self }
    }

    /// How a row comes to be that routes speak of: what is sent to that path. The answer has the values of their parameters,
    /// by name. No two numbers may make the same row.
    #[must_use]
    pub fn row(mut self, path: &'static str, body: fn(u32) -> Value) -> Self {
        self.rows.push((path, body));
        self
    }

    /// What a parameter is that is in no row.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.given.insert(name.into(), value.into());
        self
    }

    /// Sends every request of the matrix; answers how many there were.
    ///
    /// # Panics
    /// If an answer is not the one that the signature promises; with all of those.
    pub async fn check(self) -> usize {
        let mut ground = Ground::new(self.app, self.database, self.rows, self.given).await;
        let (mut wrong, mut count) = (vec![], 0);
        for route in ground.routes.clone() {
            for caller in Caller::ALL {
                count += 1;
                wrong.extend(ground.try_out(&route, caller).await.err().map(|why| told(&route, caller, &why)));
            }
        }
        assert!(wrong.is_empty(), "{} of {count} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
        count
    }
}

fn told(route: &RouteInfo, caller: Caller, why: &str) -> String {
    format!("{} {} ({}) by {caller:?}: {why}", route.method, route.path, route.access)
}
