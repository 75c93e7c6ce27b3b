//! `GET /api/me`: who am I, and what may I do?

use tollgate_access::Actor;
use tollgate_http::{Json, Service};
use tollgate_macros::output;

/// Who is signed in.
#[output]
#[schemars(rename = "SignedInAs")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Names them for good.
    pub id: String,
    /// How they are called.
    pub name: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Who vouches for them.
    pub provider: Option<String>,
    /// Their roles.
    pub roles: Vec<String>,
    /// What they may do with this token or session, as in `read:movies`.
    pub permissions: Vec<String>,
}

impl From<&Actor> for Me {
    fn from(actor: &Actor) -> Self {
        Self {
            id: actor.id().to_owned(),
            name: actor.name().map(str::to_owned),
            email: actor.email().map(str::to_owned),
            provider: actor.provider().map(str::to_owned),
            roles: actor.roles().to_vec(),
            permissions: actor.grants().permissions().collect(),
        }
    }
}

/// Who is signed in, and what they may do.
async fn me(actor: Actor) -> Json<Me> {
    Json(Me::from(&actor))
}

/// The service `identity`: `GET /api/me`.
pub fn service() -> Service {
    let about = "Identity: who is signed in. Tokens come from the authorization code flow at /oauth/authorize.";
    Service::new("identity")
        .about(about)
        .get("/api/me", me)
        .named("identity_me", "Says who is signed in, and what they may do.")
}
