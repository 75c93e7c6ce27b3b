//! What was observed long ago is not kept.

use super::{
    Watching,
    model::{Alert, Observation},
};
use std::time::Duration;
use tollgate::prelude::*;

/// Removes observations that are older than `patients.keep_days`, and alerts that ended before.
pub(super) async fn forget(
    settings: Config<Watching>,
    observations: Store<Observation>,
    alerts: Store<Alert>,
    Now(now): Now,
) -> Result<()> {
    let system = System::because("observations are kept for as long as `patients.keep_days` says");
    let before = now - Duration::from_hours(24) * settings.keep_days;
    observations.delete_all(&system.may(), Observation::AT.lt(before)).await?;
    alerts.delete_all(&system.may(), Alert::CLOSED.lt(before)).await?;
    Ok(())
}
