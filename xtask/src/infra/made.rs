//! An app that `tollgate new` makes, and the tools that bring it to an emulator of AWS and to nobody else.

use super::terraform;
use crate::{
    Result,
    servers::AwsEmulator,
    steps::{cargo, output, stdout},
};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// An app that was made for a check.
pub(super) struct App {
    tollgate: PathBuf,
    pub(super) folder: PathBuf,
}

/// Where the `tollgate` of this workspace is, which is built if it has to be.
pub(super) fn tollgate() -> Result<PathBuf> {
    let target = env::current_dir()?.join("target");
    // With the workspace's features, as the tests have built it.
    let build = ["build", "--quiet", "--workspace", "--bin", "tollgate"];
    output(cargo(&build).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug/tollgate"))
}

impl App {
    /// Makes it in `target/infra`, with these flags of `tollgate new`.
    pub(super) fn new(name: &str, flags: &[&str]) -> Result<Self> {
        Self::in_folder(name, name, flags)
    }

    /// The same in a folder of that name.
    pub(super) fn in_folder(name: &str, folder: &str, flags: &[&str]) -> Result<Self> {
        let folder = env::current_dir()?.join("target/infra").join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let app = Self { tollgate: tollgate()?, folder };
        output(Command::new(&app.tollgate).args(["new", name]).args(flags).arg("--path").arg(&app.folder))?;
        write_stand_ins(&app.tools())?;
        Ok(app)
    }

    /// The command, in its folder.
    pub(super) fn tollgate(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.tollgate);
        command.args(arguments).current_dir(&self.folder);
        // Where the tests build what they make.
        let made = self.folder.ancestors().nth(2).map(|target| target.join("made"));
        command
            .envs(made.map(|made| ("CARGO_TARGET_DIR", made)))
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    /// Tools that stand in for others.
    fn tools(&self) -> PathBuf {
        self.folder.with_file_name("bin")
    }

    /// Tools that speak to this emulator of AWS; `is_kept` if Terraform's state is kept there.
    pub(super) fn with_tools<'c>(&self, command: &'c mut Command, aws: &AwsEmulator, is_kept: bool) -> &'c mut Command {
        let emulator = aws.variables();
        // What keeps the state looks for the address of each service by itself.
        command.envs(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"].map(|name| (name, emulator[0].1.clone())));
        command.envs(emulator).env("AWS_MAX_ATTEMPTS", "2").env("TF_CLI_CONFIG_FILE", "/dev/null");
        let plugins = terraform::plugins().map(|folder| format!("-plugin-dir={}", folder.display()));
        // A bucket as a folder of the address, since no name server knows the emulator.
        let kept = is_kept.then(|| "-backend-config=use_path_style=true".to_owned());
        let init = plugins.into_iter().chain(kept).collect::<Vec<_>>().join(" ");
        command.env("TF_CLI_ARGS_init", init).env_remove("AWS_PROFILE");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([self.tools()].into_iter().chain(env::split_paths(&path)));
        command.envs(path.map(|path| ("PATH", path)))
    }
}

/// There is no cluster here, no task that runs, no builder and no store of passwords: what would be applied is put
/// together by the real kubectl, what would be built has to be there, and nobody waits or asks for an app.
fn write_stand_ins(folder: &Path) -> Result {
    let real = |tool: &str| stdout(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
    let (kubectl, aws) = (real("kubectl")?, real("aws")?);
    let kubectl = format!(
        "*'apply --kustomize '*) for last; do :; done; exec {} kustomize \"$last\" >/dev/null ;;",
        kubectl.trim()
    );
    let aws = format!("'ecs wait '*) ;; *) exec {} \"$@\" ;;", aws.trim());
    fs::create_dir_all(folder)?;
    for (tool, cases) in [
        ("kubectl", &*kubectl),
        ("aws", &aws),
        ("curl", "*) echo 200 ;;"),
        ("docker", "'login '*) cat >/dev/null ;; 'build '*) exec test -f Dockerfile ;;"),
        ("pass", r#"*) echo '{"client_id": "canary", "client_secret": "canary"}' ;;"#),
    ] {
        let file = folder.join(tool);
        fs::write(&file, format!("#!/bin/sh\ncase \"$*\" in {cases} esac\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
