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

/// Adds the pages to the service.
pub(super) fn add(service: Service) -> Service {
    service
        .named("patients_monitor", "The monitor: all patients, the most serious first.")
        .page("/monitor", monitor::monitor)
        .named("patients_monitor_one", "The monitor of one patient: charts, alerts, observations.")
        .page("/monitor/patients/{patient_id}", patient::patient)
        .named("patients_monitor_places", "Cases by place and week, as a map and a table.")
        .page("/monitor/places", places::places)
        .named("patients_monitor_places_csv", "Cases by place and week, to be kept.")
        .page("/monitor/places.csv", places::download)
        .link("/monitor", "Patients")
}
