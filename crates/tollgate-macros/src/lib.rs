//! #[resource], #[input], #[output] and service!
