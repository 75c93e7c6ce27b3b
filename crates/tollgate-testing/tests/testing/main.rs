//! What `tollgate-testing` promises to those who write tests with it.

// Under `cfg(test)`, clippy knows that helpers may unwrap as tests do.
#[cfg(test)]
mod browser;
