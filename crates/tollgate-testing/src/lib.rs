//! `TestApp`, actors and the conformance suite.

#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "conformance")]
pub mod conformance;
