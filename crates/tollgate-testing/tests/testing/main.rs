//! What `tollgate-testing` promises to those who write tests with it, and the drivers against the suite.

// Under `cfg(test)`, clippy knows that helpers may unwrap as tests do.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod articles;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod choices;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod films;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod mongodb;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod twins;
