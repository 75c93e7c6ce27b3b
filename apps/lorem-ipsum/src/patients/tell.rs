//! Who is told of critical alerts? The pager, if the settings name one.
//!
//! After the commit and in the background, so that nobody who sends observations waits for a pager. That it was told is
//! kept with the alert: what fails, or ends with the process, is done by the next turn of the job.

use super::{limits::Level, model::Alert};
use crate::pager::{NewPage, Pager};
use tollgate::{backends::Backend, prelude::*};

/// How many are read at once.
const AT_ONCE: u32 = 20;

/// Tells the pager of critical alerts that last and that it was not told of, the oldest first.
///
/// One that it refuses is tried again in each turn, and holds up none of the others.
pub(super) async fn tell(pager: Backend<Option<Pager>>, alerts: Store<Alert>, Now(now): Now) -> Result<()> {
    let Some(pager) = pager.as_ref() else { return Ok(()) };
    let Some(_turn) = pager.turn().await else { return Ok(()) };
    let system = System::because("the pager is told of critical alerts");
    let (mut last, mut done) = (Uuid::nil(), Ok(()));
    loop {
        let critical = Alert::LEVEL.eq(Level::Critical.number()) & Alert::CLOSED.is_null() & Alert::TOLD.is_null();
        // The names of alerts grow with time.
        let next = alerts.find(&system.may(), critical & Alert::ALERT_ID.gt(last)).sort(Alert::ALERT_ID.asc());
        let next = next.limit(AT_ONCE).all().await?;
        let Some(newest) = next.last() else { return done };
        last = newest.alert_id;
        for alert in next {
            done = done.and(tell_of(alert, pager, &alerts, &system, now).await);
        }
    }
}

async fn tell_of(alert: Alert, pager: &Pager, alerts: &Store<Alert>, system: &System, now: Timestamp) -> Result<()> {
    let Alert { alert_id, patient_id, clinician, rule, value, opened: since, .. } = alert;
    pager.send(alert_id, &NewPage { clinician, patient_id, rule, value, since }).await?;
    alerts.set(&system.may(), alert_id, Alert::TOLD.to(now)).await?;
    Ok(())
}
