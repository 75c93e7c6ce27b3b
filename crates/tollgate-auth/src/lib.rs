//! Who is calling?
//!
//! A request carries bytes; an application wants a caller. In reading order:
//!
//! ```text
//! authenticate  a request → its caller: by bearer token or by session cookie
//! token         a bearer token of any issuer we trust → who it speaks of, and what they may claim
//! provider      the issuers that the settings name: what each is, what it publishes, who its people are here
//! outgoing      calls to them: where to, how long, how much
//! api_key       what programs show that have nobody to sign in
//! issuer        the other direction: tokens that we hand out ourselves
//! sign_in       the sign-in page, and the sessions of those who came through it
//! users         whom the issuer knows      password  and how they prove who they are
//! accounts      what can be done to an account, whoever asks      people  and to people of providers
//! vault         what others may hold, and cannot read
//! identity      all of it as one value     me        who am I?
//! measures      how it is doing, as metrics
//! ```
//!
//! Refusals never reach callers: the reason is for the log, the caller learns 401, or 503 where the issuer's keys
//! could not be had.

// `#[resource]` and `#[output]` name their helpers as an application would.
extern crate self as tollgate;

mod accounts;
mod api_key;
mod authenticate;
mod authorities;
mod error;
mod identity;
pub mod issuer;
mod me;
mod measures;
pub mod outgoing;
mod parameters;
pub mod password;
mod people;
pub mod provider;
mod random;
mod records;
mod sign_in;
pub mod token;
mod users;
mod vault;

pub use accounts::{AccountChange, Accounts, Mail, MailError, Mailer, NewAccount, UserError, service as users_service};
pub use api_key::{ApiKey, ApiKeys, KeyError, KeyFor, KeyWanted, MadeKey, NewKey, service as api_keys_service};
pub use error::{Error, Result};
pub use identity::Identity;
pub use issuer::{Client, ClientKind, IdentityConfig, KeyInfo};
pub use me::{Me, service};
pub use measures::metrics;
pub use people::{ProviderPeople, ProviderPerson, service as provider_people_service};
pub use provider::{IssuerSettings, Issuers};
pub use sign_in::{CALLBACK, ProviderSession, ProviderSignIn, Session, SignInConfig, is_loopback};
pub use token::{Gate, Refusal, TrustedIssuer, Verified};
pub use users::{NewUser, PROVIDER, User, UserPatch};
// What `service!` names.
pub(crate) use tollgate_http::Service;

#[doc(hidden)]
pub use tollgate_store::__private;
