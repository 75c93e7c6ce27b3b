//! What of two who change the same row at once? Whoever says which state their change is for loses none of the other's.
//!
//! [`Preconditions`] are the `If-Match` and `If-None-Match` of a write (RFC 9110, 13.1). They are compared with the row in
//! the statement that writes, or in its transaction.

use crate::{
    Argument, Call, Operation, Place,
    etag::{Conditions, EntityTag},
};
use axum::http::StatusCode;
use serde_json::json;
use tollgate_access::{Delete, May, Update};
use tollgate_core::Result;
use tollgate_store::{Resource, Store};

/// On which state of a row a write is to happen. Without such headers, on any.
///
/// ```text
/// async fn update(may: May<Update, Book>, books: Store<Book>, Path(id): Path<i32>, only: Preconditions, Json(patch): …) {
///     Ok(Tagged(only.update(&books, &may, id, patch).await?))
/// }
/// ```
#[derive(Debug, Default)]
pub struct Preconditions(Conditions);

impl Argument for Preconditions {
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        let texts = [
            ("If-Match", "The tags of the states that it may be done to, as `ETag` had them; `*` is any."),
            ("If-None-Match", "The tags of the states that it must not be done to; `*` is any."),
        ];
        for (name, about) in texts {
            operation.parameter(Place::Header, name, json!({ "type": "string", "description": about }), false);
        }
        operation.refuses(StatusCode::BAD_REQUEST, "A header cannot be read.");
        operation.refuses(StatusCode::PRECONDITION_FAILED, "It is in another state than `If-Match` says.");
    }

    async fn take(call: &mut Call) -> Result<Self> {
        Conditions::of(&call.head.headers).map(Self)
    }
}

impl Preconditions {
    /// [`Store::update`], if they are met.
    ///
    /// # Errors
    /// 412 if they are not, and as there.
    pub async fn update<R: Resource>(
        &self,
        rows: &Store<R>,
        may: &May<Update, R>,
        id: R::Id,
        patch: R::Patch,
    ) -> Result<R> {
        if let Some(only) = self.0.filter() {
            return Ok(rows.update_if(may, id, only, patch).await?);
        }
        let key = id.clone();
        let update = async |rows: Store<R>| rows.update(may, id, patch).await;
        Ok(rows.when(may, &key, |row| self.allow(row), update).await?)
    }

    /// [`Store::replace`], if they are met.
    ///
    /// # Errors
    /// 412 if they are not, and as there.
    pub async fn replace<R: Resource>(
        &self,
        rows: &Store<R>,
        may: &May<Update, R>,
        id: R::Id,
        new: R::New,
    ) -> Result<R> {
        if let Some(only) = self.0.filter() {
            return Ok(rows.replace_if(may, id, only, new).await?);
        }
        let key = id.clone();
        let replace = async |rows: Store<R>| rows.replace(may, id, new).await;
        Ok(rows.when(may, &key, |row| self.allow(row), replace).await?)
    }

    /// [`Store::delete`], if they are met.
    ///
    /// # Errors
    /// 412 if they are not, and as there.
    pub async fn delete<R: Resource>(&self, rows: &Store<R>, may: &May<Delete, R>, id: R::Id) -> Result<()> {
        if let Some(only) = self.0.filter() {
            return Ok(rows.delete_if(may, id, only).await?);
        }
        let key = id.clone();
        let delete = async |rows: Store<R>| rows.delete(may, id).await;
        Ok(rows.when(may, &key, |row| self.allow(row), delete).await?)
    }

    /// Whether a row is in a state that it may be done to: for a handler that changes rows in a transaction of its own.
    pub fn allow<R: Resource>(&self, row: &R) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let body = serde_json::to_vec(row);
        body.is_ok_and(|body| self.0.allow(&EntityTag::of_row(row, &body)))
    }
}
