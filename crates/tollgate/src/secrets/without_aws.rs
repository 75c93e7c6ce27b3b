//! Without the feature there is no AWS.

use std::future::{Ready, ready};
use tollgate_core::Secret;

pub(super) struct Aws(&'static str);

impl Default for Aws {
    fn default() -> Self {
        Self(
            "this app was built without it; turn on the feature `aws` of `tollgate`: cargo add tollgate --features aws",
        )
    }
}

impl Aws {
    pub(super) fn secret(&self, _: &str) -> Ready<Result<Secret, String>> {
        ready(Err(self.0.into()))
    }

    pub(super) fn parameter(&self, _: &str) -> Ready<Result<Secret, String>> {
        ready(Err(self.0.into()))
    }
}
