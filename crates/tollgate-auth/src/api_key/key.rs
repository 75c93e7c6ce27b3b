//! What a key is, and who may see it.

use crate::users::in_one_line;
use jiff::Timestamp;
use tollgate_access::{Act, Actor, Policy, Rows};
use tollgate_macros::resource;

/// An API key: whom it speaks for and what it may do. The key itself is shown once and kept nowhere.
#[resource(plural = "api_keys", policy)]
pub struct ApiKey {
    /// Its id, which stands in the key as well and is no secret.
    #[id]
    pub key_id: String,
    /// What it is for.
    #[garde(length(min = 1, max = 100), custom(in_one_line))]
    pub name: String,
    /// Whom it speaks for: the id of a user, or `service:` and the name of a service account.
    #[index]
    pub subject: String,
    /// What it may do, as in `read:movies`.
    pub scopes: Vec<String>,
    /// From when on it is good for nothing; null if it does not expire.
    pub expires: Option<Timestamp>,
    /// Who made it.
    #[owner]
    #[index]
    pub creator: String,
    /// When it was made.
    #[created_at]
    pub created: Timestamp,
    /// When it was last used, ten minutes more or less.
    pub last_used: Option<Timestamp>,
    /// The hash of the key.
    #[hidden]
    pub hash: String,
}

/// Those that they made, and those that speak for them.
// Who forgot a policy is not helped by the news that keys have one.
#[diagnostic::do_not_recommend]
impl Policy for ApiKey {
    fn rows(actor: &Actor, _: Act) -> Rows<Self> {
        Rows::Where(Self::CREATOR.eq(actor.id()) | Self::SUBJECT.eq(actor.id()))
    }
}
