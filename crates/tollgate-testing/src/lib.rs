//! Tests that read as claims: [`TestApp`] with its actors and [their rows](Client::given), a
//! [clock](tollgate::ManualClock) that moves when told, a database that [fails when told](Faulty), a browser, servers, and
//! the suite that every driver passes.
//!
//! ```
//! # use tollgate::prelude::*;
//! # /// A film.
//! # #[resource(plural = "movies")]
//! # pub struct Movie { #[id] pub movie_id: i32, pub title: String }
//! # fn app() -> App { App::new("films").service(Service::new("movies").crud::<Movie>("/movies")) }
//! # fn alien() -> serde_json::Value { serde_json::json!({ "movie_id": 1, "title": "Alien" }) }
//! use tollgate_testing::TestApp;
//!
//! async fn only_curators_add_movies() {
//!     let app = TestApp::new(app()).await;
//!     let (anyone, curator) = (app.anyone(), app.actor("cur").may("create:movies"));
//!     assert_eq!(anyone.post("/movies", alien()).await.status(), 401);
//!     assert_eq!(curator.post("/movies", alien()).await.status(), 201);
//! }
//! # tokio::runtime::Runtime::new().unwrap().block_on(only_curators_add_movies());
//! ```

mod app;
#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "conformance")]
pub mod conformance;
mod events;
mod faulty;
mod fixtures;
mod matrix;
#[cfg(feature = "servers")]
mod proxy;
mod reply;
mod served;
#[cfg(feature = "servers")]
pub mod servers;

pub use app::{Client, Setup, TestApp};
pub use events::{Event, Events};
pub use faulty::{Failed, Fault, Faulty, Held};
pub use matrix::Matrix;
#[cfg(feature = "servers")]
pub use proxy::FaultProxy;
pub use reply::Reply;
pub use served::Served;
