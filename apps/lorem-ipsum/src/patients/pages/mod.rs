//! The monitor: who is how, since when, and where. Pages that work without script, for people who are signed in.
//!
//! ```text
//! monitor.rs   all patients, the most serious first      vitals.rs   what is shown of a value
//! patient.rs   one of them, with charts                  charts.rs   SVG
//! places.rs    cases by place and week                   hexes.rs    a map of them
//! words.rs     moments and stretches of time             ward.rs     of whom there are too many
//! ```

mod charts;
mod hexes;
mod monitor;
mod patient;
mod places;
mod vitals;
mod ward;
mod words;

use tollgate::prelude::*;

pub(super) fn add_to(service: Service) -> Service {
    service
        .page("/monitor", monitor::monitor)
        .page("/monitor/patients/{patient_id}", patient::monitor_one)
        .page("/monitor/places", places::monitor_places)
        .page("/monitor/places.csv", places::monitor_places_csv)
        .link("/monitor", "Patients")
}
