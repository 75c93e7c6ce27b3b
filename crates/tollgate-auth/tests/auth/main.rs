//! Identity from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world fails")]

mod issuer;
mod provider;
mod token;
