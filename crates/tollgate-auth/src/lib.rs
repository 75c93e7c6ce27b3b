//! Who is calling?
//!
//! A request carries bytes; an application wants a caller. In reading order:
//!
//! ```text
//! token       a bearer token of any issuer we trust → who it speaks of, and what they may claim
//! provider    where each identity provider puts audience, scopes, permissions and roles: data, not code
//! issuer      the other direction: tokens that we hand out ourselves
//! ```
//!
//! Refusals never reach callers: the reason is for the log, the caller learns 401, or 503 where the issuer's keys
//! could not be had.

pub mod issuer;
pub mod provider;
pub mod token;

pub use token::{Gate, Refusal, TrustedIssuer, Verified};
mod stub; pub use stub::*;
