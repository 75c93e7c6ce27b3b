//! Not the text of the service.

use tollgate::prelude::*;

/// Shows a shelf.
pub(super) async fn shelf(_: Public) -> Json<Vec<String>> {
    Json(vec![])
}
