//! Patients: observations from the field, and a monitor: current state, trends, a heat map by place, alerts.
//!
//! ```text
//! sent       routes.rs   the API          record.rs   kept, with what follows from it
//! judged     limits.rs   when a value stops being normal
//! told       trends.rs   how values went  pages/      the monitor  tell.rs  a pager
//! kept       model.rs                     forget.rs   and for how long
//! made up    demo.rs     people.rs        places.rs
//! ```

mod demo;
mod forget;
mod limits;
mod model;
mod pages;
mod people;
mod places;
mod record;
mod routes;
mod tell;
mod trends;

use std::time::Duration;
use tollgate::prelude::*;

/// How patients are watched.
#[settings]
pub struct Watching {
    /// How many days observations, and alerts that have ended, are kept. Default: 90.
    #[default(90)]
    pub keep_days: u32,
    /// After how many hours without an observation a patient's state is not known. Default: 6.
    #[default(6)]
    pub silent_hours: u32,
    /// The e-mail address of a user who gets made-up patients to look after, and new observations of them as time goes by.
    pub demo: Option<String>,
}

/// How often made-up patients are observed, where there are any.
const ROUNDS: Duration = Duration::from_secs(15);
/// How often the pager is told what it could not be told at once.
const TELLS: Duration = Duration::from_secs(15);

/// The service: everything about patients that the rest of the app may see.
pub fn service() -> Service {
    let about =
        "Patients: observations from the field, and a monitor: current state, trends, a heat map by place, alerts.";
    pages::add_to(routes::add_to(service!("patients").about(about)))
        .every(Duration::from_hours(1), forget::forget)
        .every(ROUNDS, demo::demo)
        .every(TELLS, tell::tell)
}
