//! Identity from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world fails")]

mod faulty;
mod issuer;
mod provider;
mod token;
