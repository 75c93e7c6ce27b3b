//! `TestApp`, actors and the conformance suite

#[cfg(feature = "browser")]
pub mod browser;
