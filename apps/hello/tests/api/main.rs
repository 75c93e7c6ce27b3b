//! Hello, as its callers know it.

#[cfg(test)]
mod notes;
