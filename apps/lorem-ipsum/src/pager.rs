//! The pager: another API, which reaches clinicians wherever they are.
//!
//! Any webhook that takes JSON will do. Each page goes out under the name of its alert, as `Idempotency-Key`: however
//! often it is sent, it is one page.

use tokio::sync::{Mutex, MutexGuard};
use tollgate::{
    Timestamp, Uuid,
    backends::{BackendError, HttpClient},
    output,
};

/// Asks the pager; `[backends.pager]` says where it is.
pub(crate) struct Pager {
    client: HttpClient,
    /// Held by who sends what there is, and by who does so next.
    now: Mutex<()>,
    next: Mutex<()>,
}

impl From<HttpClient> for Pager {
    fn from(client: HttpClient) -> Self {
        Self { client, now: Mutex::default(), next: Mutex::default() }
    }
}

/// What somebody is told. No name: it is read on other people's screens.
#[output]
pub(crate) struct NewPage {
    pub(crate) clinician: String,
    pub(crate) patient_id: String,
    pub(crate) rule: String,
    pub(crate) value: f64,
    pub(crate) since: Timestamp,
}

impl Pager {
    /// Waits for the turn to send what there is; none where somebody waits already, who will see what is there by now.
    pub(crate) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let _next = self.next.try_lock().ok()?;
        Some(self.now.lock().await)
    }

    /// Tells somebody, once for each alert.
    pub(crate) async fn send(&self, alert: Uuid, page: &NewPage) -> Result<(), BackendError> {
        self.client.post(["pages"]).json(page).idempotency_key(&alert.to_string()).send().await?;
        Ok(())
    }
}
