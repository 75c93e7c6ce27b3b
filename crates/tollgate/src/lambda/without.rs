//! Without the feature there is no AWS Lambda.

use crate::{
    app::{Design, Failure},
    settings::RUNTIME_API,
    telemetry::Started,
};
use std::{
    future::{Ready, ready},
    sync::Arc,
};

pub(crate) fn serve(_: Design, _: Arc<Started>) -> Ready<Result<(), Failure>> {
    let said = format!(
        "{RUNTIME_API} is set, so this is AWS Lambda, and this app was built without it: turn on the feature `lambda` of \
         `tollgate`: cargo add tollgate --features lambda"
    );
    ready(Err(Failure(said)))
}
