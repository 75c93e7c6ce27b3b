//! What is kept of somebody whom a provider vouches for.

use jiff::Timestamp;
use tollgate_macros::resource;

/// Somebody whom a provider vouches for: who has signed in here, or of whom somebody here has said something.
#[resource(plural = "provider_people")]
pub struct ProviderPerson {
    /// The name of the issuer and its subject, as in `okta|00u1`.
    #[id]
    pub person_id: String,
    /// The name of the issuer in the settings.
    #[index]
    pub issuer: String,
    /// How they are called.
    pub name: Option<String>,
    /// Their address, where the provider has verified it.
    pub email: Option<String>,
    /// Their roles, as the provider said when they last signed in.
    pub roles: Vec<String>,
    /// Whether they are kept out here.
    pub disabled: bool,
    /// When they were last kept out, let in again or signed out everywhere: what was issued until then is void.
    #[index]
    pub signed_out: Option<Timestamp>,
    /// When they were first here.
    #[created_at]
    pub created_at: Timestamp,
    /// When they last signed in, or were changed.
    #[updated_at]
    pub updated_at: Timestamp,
}
