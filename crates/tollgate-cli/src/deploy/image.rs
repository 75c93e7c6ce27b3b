//! The image: built and pushed with docker, podman or buildah, whichever is there.

use super::{place::Place, runner::Runner};
use crate::{Result, app::App, tools};
use clap::ValueEnum;
use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// What builds images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Builder {
    /// Docker, with buildx
    Docker,
    /// Podman
    Podman,
    /// Buildah
    Buildah,
}

impl Builder {
    const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Buildah];

    /// Its name, here and on the `PATH`.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// The one that was said, or the first that works.
    ///
    /// # Errors
    /// It does not, or none of them: why not, of each that is there.
    pub(crate) fn choose(said: Option<Self>) -> Result<Self> {
        let wanted = said.map_or_else(|| Self::ALL.to_vec(), |said| vec![said]);
        let mut lacks = vec![];
        for builder in wanted.into_iter().filter(|builder| tools::find(builder.program()).is_some()) {
            match builder.check() {
                Ok(()) => return Ok(builder),
                Err(why) => lacks.push(why.0),
            }
        }
        if lacks.is_empty() {
            let none = || "none of docker, podman and buildah is there".to_owned();
            lacks.push(said.map_or_else(none, |said| format!("{} is not there", said.program())));
        }
        Err(lacks.join("\n").into())
    }

    /// Asks it whether it could build, for its program may be there alone.
    fn check(self) -> Result {
        let questions: &[(&[&str], &str)] = match self {
            Self::Docker => &[
                (&["version", "--format", "{{.Server.Version}}"], "docker's daemon does not answer"),
                (&["buildx", "version"], "docker has no buildx (https://docs.docker.com/go/buildx/)"),
            ],
            // Its containers may be in a machine of their own, which is switched off.
            Self::Podman => &[(&["info", "--format", "ok"], "podman does not work")],
            Self::Buildah => &[],
        };
        for (question, lack) in questions {
            tools::stdout(Command::new(self.program()).args(*question))
                .map_err(|why| format!("{lack}: {}", why.0.lines().next().unwrap_or_default()))?;
        }
        Ok(())
    }

    fn build(self, image: &str, platform: &str, app: &App) -> Command {
        let mut command = Command::new(self.program());
        command.current_dir(&app.folder).args(["build", "--platform", platform, "--tag", image]);
        match self {
            // Lambda takes no image with an attestation beside it.
            Self::Docker => command.arg("--provenance=false"),
            // Their own format has no health check.
            Self::Podman | Self::Buildah => command.args(["--format", "docker"]),
        };
        if let Some(clone) = app.clone_of_tollgate() {
            command.arg(format!("--build-context=tollgate={}", clone.display()));
        }
        command.arg(".");
        command
    }

    fn login(self, registry: &str) -> Command {
        let mut command = Command::new(self.program());
        command.args(["login", "--username", "AWS", "--password-stdin", registry]);
        command
    }
}

/// Builds the app's image and pushes it; its name, with a tag that no other has.
///
/// # Errors
/// A step failed.
pub(super) fn publish(
    runner: &mut Runner,
    builder: Builder,
    repository: &str,
    place: &Place,
    app: &App,
) -> Result<String> {
    let tag = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let image = if runner.is_dry() { format!("{repository}:$TAG") } else { format!("{repository}:{tag}") };
    let registry = repository.split('/').next().unwrap_or(repository);
    runner.step("build the image", &mut builder.build(&image, platform(place), app))?;
    let mut password = place.aws(&["ecr", "get-login-password"])?;
    let from = super::runner::shown(&password);
    runner.fed("sign in to the registry", &from, &mut builder.login(registry), || tools::stdout(&mut password))?;
    runner.step("push the image", Command::new(builder.program()).args(["push", &image]))?;
    // What fails later needs no other image.
    runner.goes_on_with("--image", &image);
    Ok(image)
}

fn platform(place: &Place) -> &'static str {
    if place.text("architecture") == Some("arm64") { "linux/arm64" } else { "linux/amd64" }
}
