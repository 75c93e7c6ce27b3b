//! How does a program call that has nobody to sign in? With an API key, in the place of a token.
//!
//! ```text
//! key.rs      what a key is, and who may see it        text.rs     how it is written
//! keys.rs     made, for whom, with what; revoked       error.rs    every "no"
//! caller.rs   shown → who calls                        api.rs      over HTTP
//! ```
//! A key speaks for a service account, which is nothing but a name (`service:nightly-import`), or for a user, in whose
//! stead it then acts. It may do what it was made for, which is never more than its maker could, and for a user never more
//! than they still may. It is shown once; what is kept is a hash. A hash that is quick to compute will do: nobody guesses
//! 160 random bits.
//!
//! A key that is known costs one hash. It is looked up again once a minute, and as soon as it is
//! [known](crate::issuer::Revocation) that something of it or of its user was revoked, which is half a second on every
//! instance.
//!
//! Invariant: no key makes another, nor does an application of others. Whoever takes one has no other key left when it is
//! revoked; what was done with it stays done, as with one that may `create:users` or `update:users`.

mod api;
mod caller;
mod error;
mod key;
mod keys;
mod text;

pub use api::{KeyWanted, MadeKey, service};
pub use error::KeyError;
pub use key::ApiKey;
pub use keys::{ApiKeys, KeyFor, NewKey};
