//! `TestApp`, actors and the conformance suite.

#[cfg(feature = "conformance")]
pub mod conformance;
