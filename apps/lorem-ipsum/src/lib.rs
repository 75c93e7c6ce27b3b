//! The reference application of Tollgate: services behind one sign-in.

use tollgate::prelude::*;

mod messages;
mod movies;

/// The application: its services, and the settings it brings along.
pub fn app() -> App {
    App::new("lorem-ipsum")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Lorem Ipsum is Tollgate’s reference application: services behind one sign‑in.")
        .tagline("the reference application of Tollgate")
        .settings(include_str!("../config/default.toml"))
        .settings_in("dev", include_str!("../config/dev.toml"))
        .service(movies::service())
        .service(messages::service())
}
