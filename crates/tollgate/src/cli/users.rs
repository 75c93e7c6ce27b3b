//! People: how one is made, and their tokens.

use super::{CreateUser, opened, print};
use crate::{
    app::{Design, Failure},
    running::Running,
};
use std::io::IsTerminal;
use tollgate_access::System;
use tollgate_auth::User;
use tollgate_core::Secret;

pub(super) async fn add(running: &Running, user: CreateUser) -> Result<User, Failure> {
    let password = match user.password {
        Some(password) => Secret::from(password),
        None => ask_for_password()?,
    };
    Ok(running.identity()?.create_user(&user.name, &user.email, &password, &user.role).await?)
}

/// Whoever has a command line may do everything.
pub(super) fn operator() -> System {
    System::because("an operator manages users")
}

/// Twice, without echo; from a pipe, one line.
fn ask_for_password() -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']);
        return if password.is_empty() {
            Err(Failure("say --password, or send it as a line".into()))
        } else {
            Ok(password.into())
        };
    }
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Once more: ")?;
    if first == second {
        Ok(first.into())
    } else {
        Err(Failure("the two passwords differ; nothing was created".into()))
    }
}

pub(super) async fn token(design: Design, email: &str) -> Result<(), Failure> {
    let running = opened(design).await?;
    print(&running.identity()?.issue_token(email).await?)
}
