//! The reference application of Tollgate: services behind one sign-in.

use tollgate::prelude::*;

mod books;
mod dice;
mod letters;
mod messages;
mod movies;
mod pager;
mod patients;
mod words;

/// The application: its services, and the settings it brings along.
pub fn app() -> App {
    App::new("lorem-ipsum")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Lorem Ipsum is Tollgate’s reference application: services behind one sign‑in.")
        .tagline("the reference application of Tollgate")
        .settings(include_str!("../config/default.toml"))
        .settings_in("dev", include_str!("../config/dev.toml"))
        .config::<patients::Watching>("patients")
        .template("library.html", include_str!("../templates/library.html"))
        .template("monitor-parts.html", include_str!("../templates/monitor-parts.html"))
        .template("monitor.html", include_str!("../templates/monitor.html"))
        .template("patient.html", include_str!("../templates/patient.html"))
        .template("places.html", include_str!("../templates/places.html"))
        .optional_backend::<pager::Pager>("pager")
        .service(movies::service())
        .service(messages::service())
        .service(patients::service())
        .service(books::service())
        .service(words::service())
}
