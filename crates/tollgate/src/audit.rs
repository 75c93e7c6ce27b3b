//! What was done and refused, for those who may look.

use tollgate_access::{May, Read};
use tollgate_core::Result;
use tollgate_http::{Json, List, Page, Path, Service};
use tollgate_store::{Store, audit::AuditEvent};

/// Lists what was done to audited resources, and what was refused.
async fn list(
    may: May<Read, AuditEvent>,
    events: Store<AuditEvent>,
    wanted: List<AuditEvent>,
) -> Result<Page<AuditEvent>> {
    wanted.page(&events, &may).await
}

/// Reads one event.
async fn read(may: May<Read, AuditEvent>, events: Store<AuditEvent>, Path(id): Path<i64>) -> Result<Json<AuditEvent>> {
    Ok(Json(events.get(&may, id).await?))
}

/// Events are read by who may `read:audit_events`; there is no route that writes them.
pub(crate) fn service() -> Service {
    Service::new("audit")
        .about("Who did what to which row.")
        .get("/audit", list)
        .named("audit_list", "Lists what was done to audited resources, and what was refused.")
        .get("/audit/{event_id}", read)
        .named("audit_read", "Reads one event.")
}
