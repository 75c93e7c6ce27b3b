//! Who is told of critical alerts? The pager, if the settings name one.
//!
//! After the commit and beside the request, so that nobody who sends observations waits for a pager. That it was told is
//! kept with the alert: what fails, or ends with the process, is done by the next turn of the job.

use super::{limits::Level, model::Alert};
use crate::pager::{NewPage, Pager};
use tollgate::{backends::Backend, prelude::*};

/// How many are told in one turn.
const AT_ONCE: u32 = 100;

/// Tells the pager of critical alerts that last and that it was not told of, the oldest first.
pub(super) async fn tell(pager: Backend<Option<Pager>>, alerts: Store<Alert>, Now(now): Now) -> Result<()> {
    let Some(pager) = pager.as_ref() else { return Ok(()) };
    let system = System::because("the pager is told of critical alerts");
    let critical = Alert::LEVEL.eq(Level::Critical.number()) & Alert::CLOSED.is_null() & Alert::TOLD.is_null();
    for alert in alerts.find(&system.may(), critical).sort(Alert::OPENED.asc()).limit(AT_ONCE).all().await? {
        let Alert { alert_id, patient_id, clinician, rule, value, opened: since, .. } = alert;
        pager.send(alert_id, &NewPage { clinician, patient_id, rule, value, since }).await?;
        alerts.set(&system.may(), alert_id, Alert::TOLD.to(now)).await?;
    }
    Ok(())
}
