//! `generate`: a service in one folder, and the two lines that make it part of the application.
//!
//! Everything is worked out before anything is written: a model that is not understood, a module that is there already
//! or a chain of services that cannot be found leave the folder as it was.

mod field;
mod roles;
mod service;
mod source;

use crate::Result;
use clap::Subcommand;

/// Add to the application in this folder.
#[derive(Subcommand)]
pub(crate) enum Generate {
    /// Add a service: a model, its routes and its tests
    Service(service::New),
}

/// Adds it.
pub(crate) fn run(generate: &Generate) -> Result {
    match generate {
        Generate::Service(new) => service::run(new),
    }
}
