//! The token side from outside: what gets in, what does not, and how long it stays in.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world fails")]

mod attacks;
mod cache;
mod keys;
mod providers;
mod refresh;
mod sign;
mod weak_keys;
mod world;
