//! Half way in: the password was right, and a code, or a second factor as such, is still to come.
//!
//! The browser keeps a sealed note of it for ten minutes. It opens nothing but the next page, and is void as
//! whatever they were given then.

use super::cookies::STEP;
use crate::{error::Result, identity::Issuer, users::User};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use std::time::Duration;
use uuid::Uuid;

const LIFETIME: Duration = Duration::from_mins(10);
const CONTEXT: &[u8] = b"password accepted";

impl Issuer {
    /// The cookie that says that somebody's password was right.
    pub(super) fn begin_step(&self, user: &User) -> HeaderValue {
        let until = self.clock.unix() + LIFETIME.as_secs();
        let note = [&user.user_id.as_bytes()[..], &until.to_be_bytes(), &user.version.to_be_bytes()].concat();
        self.cookies().set(STEP, &self.steps.close(CONTEXT, &note), LIFETIME.as_secs())
    }

    /// With that response a browser that has such a cookie forgets it.
    pub(crate) fn end_step(&self, headers: &HeaderMap, response: &mut Response) {
        if self.cookies().get(headers, STEP).is_some() {
            response.headers_mut().append(header::SET_COOKIE, self.cookies().remove(STEP));
        }
    }

    /// Whose password was right in this browser, not long ago.
    pub(super) async fn half_way(&self, headers: &HeaderMap) -> Result<Option<User>> {
        let note = self.cookies().get(headers, STEP).and_then(|text| self.steps.open(CONTEXT, text));
        let Some((user, until, version)) = note.as_deref().and_then(read) else { return Ok(None) };
        if until <= self.clock.unix() {
            return Ok(None);
        }
        let user = self.users.find(user).await?.filter(|user| !self.users.keeps_out(user));
        Ok(user.filter(|user| user.void_before <= version))
    }
}

fn read(note: &[u8]) -> Option<(Uuid, u64, i64)> {
    let (user, rest) = note.split_first_chunk::<16>()?;
    let (until, version) = rest.split_first_chunk::<8>()?;
    Some((Uuid::from_bytes(*user), u64::from_be_bytes(*until), i64::from_be_bytes(version.try_into().ok()?)))
}
