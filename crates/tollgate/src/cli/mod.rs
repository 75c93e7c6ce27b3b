//! The command line of every app: `serve` unless another command is named.
//!
//! A command that fails says in one line what is wrong and what to do about it, and leaves nothing half done.

mod accounts;
mod api_keys;
mod clients;
mod config;
mod describe;
mod health;
mod job;
mod keys;
mod load;
pub(crate) mod migrate;
mod people;
// Tests of both command lines share it; it needs clap alone.
#[cfg(test)]
#[path = "../../../tollgate-cli/src/reference.rs"]
mod reference;
mod serve;
mod show;
mod users;

use crate::{
    app::{App, Design, Exit, Failure},
    console,
    running::Running,
    settings::Settings,
    telemetry::Started,
};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::{io, path::PathBuf, pin::Pin, sync::Arc};
use tokio::runtime::{Builder, Runtime};

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

/// Where to listen.
#[derive(Args)]
struct Serve {
    /// Listen on this address [default: server.host, 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// Listen on this port; 0 takes a free one [default: server.port, 8000]
    #[arg(long)]
    port: Option<u16>,
    /// Take the socket that is standard input, which listens already, as `tollgate dev` and service managers hand it over
    #[arg(long)]
    socket: bool,
    /// Serve these of the app's services alone, as in `books,words` [default: server.services, all of them]
    #[arg(long, value_delimiter = ',')]
    services: Vec<String>,
}

/// Whose token, and where it is good.
#[derive(Args)]
struct Token {
    /// The user's e-mail address
    email: String,
    /// The address the app was told to listen on, if it was: a token is good where it says it comes from
    #[arg(long)]
    host: Option<String>,
    /// The port, likewise
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the app (what happens without a command)
    Serve(Serve),
    /// Manage users of the embedded identity provider, and who of others comes in (`create-user` is `user create`)
    User(accounts::Line),
    /// The same as `user create`
    #[command(hide = true)]
    CreateUser(CreateUser),
    /// Print an access token of a user
    Token(Token),
    /// Keys of programs that have nobody to sign in
    #[command(subcommand)]
    ApiKey(api_keys::Keys),
    /// Applications that may ask the embedded identity provider for tokens
    #[command(subcommand)]
    Client(clients::Clients),
    /// The keys that the embedded identity provider signs tokens with
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Load rows from a JSON or CSV file: all of them or none
    Load {
        /// The resource, as in `movies`
        resource: String,
        /// A JSON array of objects, or CSV with a header line
        file: PathBuf,
        /// Whose rows they become: a user, by e-mail address, who may create them
        #[arg(long = "as", value_name = "EMAIL")]
        by: Option<String>,
    },
    /// Bring databases up to date with the model, by scripts
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Do what services do again and again: one of it now, or without a name say what there is
    Job {
        /// Its name, as in `notes_forget`
        name: Option<String>,
    },
    /// Print each route and who may call it
    Routes,
    /// Print the OpenAPI document
    Openapi,
    /// Print the effective settings and where each was said; secrets are hidden, and not fetched
    Config(config::Line),
    /// Check settings, services and database without serving
    Check,
    /// Print what the app is and expects, as JSON for tools; secrets are hidden, and not fetched
    Describe,
    /// Ask the app that runs beside this command whether it is well: for containers
    Health(health::Line),
}

impl Command {
    /// Whether it is about one process of the app, which may serve only some of its services. The others, migrations above
    /// all, are about the whole.
    fn is_about_a_process(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Routes | Self::Openapi | Self::Check)
    }

    /// Settings that the command line says as well win.
    fn adjust(&self, settings: &mut Settings) {
        if let Self::Serve(Serve { services, .. }) = self {
            settings.lambda.look();
            if !services.is_empty() {
                settings.server.services.clone_from(services);
            }
        }
        if !self.is_about_a_process() {
            settings.server.services.clear();
        }
        if let Some((host, port)) = self.listens() {
            if let Some(host) = host {
                settings.server.host.clone_from(host);
            }
            settings.server.port = port.unwrap_or(settings.server.port);
        }
        console::listen(settings, matches!(self, Self::Serve(_)));
    }

    /// Where the app listens, if that was said.
    fn listens(&self) -> Option<(&Option<String>, Option<u16>)> {
        match self {
            Self::Serve(Serve { host, port, .. }) | Self::Token(Token { host, port, .. }) => Some((host, *port)),
            Self::User(line) => line.listens(),
            _ => None,
        }
    }
}

#[derive(Args)]
struct CreateUser {
    /// How they are called
    #[arg(long)]
    name: String,
    /// How they sign in
    #[arg(long)]
    email: String,
    /// Their password; asked for if it is not given
    #[arg(long)]
    password: Option<String>,
    /// A role; may be given several times [default: the one that the settings name]
    #[arg(long)]
    role: Vec<String>,
}

/// Runs the command that the process was started with.
pub(crate) fn main(app: App) -> Exit {
    let line = match command(&app).try_get_matches().and_then(|matches| Line::from_arg_matches(&matches)) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    match run(app, line) {
        Ok(()) => Exit::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            Exit::FAILURE
        }
    }
}

/// The command line of that app.
fn command(app: &App) -> clap::Command {
    // Nothing said is no line, rather than an empty one.
    let about = (!app.about.is_empty()).then_some(app.about);
    Line::command().name(app.name).version(app.version).about(about)
}

fn run(app: App, line: Line) -> Result<(), Failure> {
    let command = line.command.unwrap_or(Command::Serve(line.serve));
    match &command {
        Command::Config(line) => return config::config(&app, line),
        Command::Describe => return describe::describe(&app),
        Command::Health(line) => return health::health(&app, line),
        _ => {}
    }
    let mut settings = app.load_settings()?;
    command.adjust(&mut settings);
    let runtime = runtime(settings.lambda.is_one_at_a_time())?;
    let entered = runtime.enter();
    let started = crate::telemetry::start(&settings, app.name, app.version).map(Arc::new)?;
    drop(entered);
    settings.doubt.iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let design = app.design(settings)?;
    match command {
        Command::Routes => show::routes(&design),
        Command::Openapi => show::openapi(&design),
        command => {
            // Boxed: the runtime has three ways to wait, and all commands would be in each.
            let work: Pin<Box<dyn Future<Output = Result<(), Failure>>>> =
                Box::pin(carry_out(command, design, started));
            let done = runtime.block_on(work);
            // Who wants the end at once does not wait for a password's hash.
            runtime.shutdown_background();
            done
        }
    }
}

async fn carry_out(command: Command, design: Design, telemetry: Arc<Started>) -> Result<(), Failure> {
    let takes_socket = matches!(command, Command::Serve(Serve { socket: true, .. }));
    match command {
        Command::CreateUser(user) => accounts::user(design, user.into()).await,
        Command::User(line) => accounts::user(design, line).await,
        Command::Token(token) => users::token(design, &token.email).await,
        Command::ApiKey(command) => api_keys::keys(design, command).await,
        Command::Client(command) => clients::client(design, command).await,
        Command::Keys(command) => keys::keys(design, command).await,
        Command::Load { resource, file, by } => load::load(design, &resource, &file, by.as_deref()).await,
        Command::Job { name } => job::job(design, name.as_deref()).await,
        Command::Migrate(command) => migrate::migrate(design, command).await,
        Command::Check => show::check(design).await,
        _ => serve::serve(design, takes_socket, telemetry).await,
    }
}

/// With as many threads as there is use for: the start of a function waits for each.
fn runtime(is_one_at_a_time: bool) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if is_one_at_a_time {
        builder.worker_threads(1);
    }
    builder.enable_all().build()
}

/// The app with its databases. Who gives a command in another folder than they mean to is told which file it made there.
async fn opened(design: Design) -> Result<Running, Failure> {
    let running = design.open().await?;
    for file in &running.databases.made {
        eprintln!("made a new database: {file}");
    }
    Ok(running)
}

/// Writes to standard output; who closed it early wants no more.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_once_at_a_time_starts_one_thread_for_it() {
        let threads = |is_one_at_a_time| runtime(is_one_at_a_time).unwrap().metrics().num_workers();
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!((threads(true), threads(false)), (1, processors));
    }

    #[test]
    fn the_reference_has_every_command() {
        reference::check("command-line.md", "The command line of an app", command(&App::new("myapp")));
    }
}
