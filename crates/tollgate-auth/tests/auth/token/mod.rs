//! The token side from outside: what gets in, what does not, and how long it stays in.

mod attacks;
mod cache;
pub(crate) mod jumps;
mod keys;
mod providers;
mod refresh;
mod sign;
mod weak_keys;
pub(crate) mod world;
