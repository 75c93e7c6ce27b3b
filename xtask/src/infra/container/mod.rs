//! The image: does the `Dockerfile` that users build make what the guide promises?
//!
//! It is built by Buildah and run by Podman, with the bases that a machine without a registry can have: Debian's packages,
//! and the Rust that runs us. All of it lies in `target/container`.

mod new_app;
mod running;

use super::{Check, LeftOut};
use crate::{
    Result, servers,
    steps::{Steps, cargo, output, stdout},
};
use running::{RUN, is_a_function_of_ours, runs};
use std::{env, fs, path::PathBuf, process::Command};

pub(super) const CHECK: Check =
    Check { name: "container", parts: &["hadolint", "container", "lambda-emulator"], quick: lint, slow: build_and_run };

/// What an image may weigh more than its base, in bytes.
const MOST: u64 = 40_000_000;
const IMAGE: &str = "localhost/lorem-ipsum";
/// What the app is built with: what the guide's first line builds it with, which is nothing besides.
const FEATURES: &str = "";

fn lint(steps: &mut Steps, left_out: &LeftOut) {
    if !left_out.has("hadolint") {
        steps.program("Dockerfile", Command::new(servers::HADOLINT.file()).arg("Dockerfile"));
        steps.step("Dockerfile of a new app", new_app::dockerfile);
    }
}

fn build_and_run(steps: &mut Steps, left_out: &LeftOut) {
    if left_out.has("container") {
        return;
    }
    steps.step("bases of the image", || bases().map(|()| String::new()));
    steps.step("image for servers", || build("server").map(|()| String::new()));
    steps.step("image for Lambda", || build("lambda").map(|()| String::new()));
    steps.step("what the image is", ours_are_as_promised);
    steps.step("what it is made of", || {
        let tree = &mut tree();
        bill_of_materials(&format!("{IMAGE}:server"), tree.args(["--package", "lorem-ipsum", "--features", FEATURES]))
    });
    steps.step("closed unless configured", is_closed);
    steps.step("the image at work", || runs(&format!("{IMAGE}:server"), "LOREM_IPSUM"));
    if !left_out.has("lambda-emulator") {
        steps.step("the image as a function", is_a_function_of_ours);
    }
    if !left_out.has("hadolint") {
        steps.step("the image of a new app", new_app::image);
        steps.step("a new app's image at work", || new_app::works(!left_out.has("lambda-emulator")));
    }
}

fn place() -> Result<PathBuf> {
    let place = env::current_dir()?.join("target/container");
    fs::create_dir_all(&place)?;
    Ok(place)
}

/// Podman or Buildah, with a storage of our own.
fn tool(program: &str) -> Result<Command> {
    let place = place()?;
    let mut command = Command::new(program);
    command.arg("--root").arg(place.join("storage")).arg("--runroot").arg(place.join("run"));
    command.args(["--storage-driver", "vfs"]);
    Ok(command)
}

/// The bases, which are made once: a Debian with a compiler, and one that has nothing but libraries and certificates.
fn bases() -> Result {
    let builder = ["--variant=essential", "--include=ca-certificates,gcc,libc6-dev"];
    let path = "PATH=/usr/local/toolchain/bin:/usr/local/bin:/usr/bin:/bin";
    base("builder", &builder, &[path, "CARGO_HOME=/usr/local/cargo"])?;
    base("runtime", &["--variant=extract", "--include=ca-certificates,libc6,libgcc-s1,tzdata"], &[])
}

fn base(name: &str, packages: &[&str], variables: &[&str]) -> Result {
    let image = format!("localhost/{name}");
    if output(tool("podman")?.args(["image", "exists", &image])).is_ok() {
        return Ok(());
    }
    let files = place()?.join(format!("{name}.tar"));
    output(Command::new("mmdebstrap").args(packages).arg("bookworm").arg(&files))?;
    let mut import = tool("podman")?;
    import.arg("import");
    for variable in variables {
        import.args(["--change", &format!("ENV {variable}")]);
    }
    output(import.arg(&files).arg(&image))?;
    Ok(fs::remove_file(&files)?)
}

fn build(target: &str) -> Result {
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    let features = format!("FEATURES={}", if target == "lambda" { "lambda" } else { FEATURES });
    let mut buildah = buildah(&["--build-arg", &version, "--build-arg", &features])?;
    output(buildah.args(["--target", target, "--tag", &format!("{IMAGE}:{target}"), "."])).map(drop)
}

/// A build from what this machine has, without a network for authorities.
fn buildah(arguments: &[&str]) -> Result<Command> {
    let sysroot = stdout(Command::new("rustc").args(["--print", "sysroot"]))?;
    let mut buildah = tool("buildah")?;
    buildah.args(["build", "--isolation", "chroot", "--format", "docker", "--ulimit", "nofile=4096:4096"]);
    for (from, to) in mounts(sysroot.trim()) {
        buildah.arg("--volume").arg(format!("{}:{to}:ro", from.display()));
    }
    for argument in ["BUILDER=localhost/builder", "RUNTIME=localhost/runtime", "AUTHORITIES=none"] {
        buildah.args(["--build-arg", argument]);
    }
    buildah.args(arguments);
    Ok(buildah)
}

/// What a build takes from this machine: Rust, where crates come from, and whom it believes.
fn mounts(sysroot: &str) -> Vec<(PathBuf, &'static str)> {
    let home = env::home_dir().unwrap_or_default();
    let config = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from).join("config.toml");
    let all = [
        (sysroot.into(), "/usr/local/toolchain"),
        (config, "/usr/local/cargo/config.toml"),
        ("/etc/ssl/certs".into(), "/etc/ssl/certs"),
    ];
    all.into_iter().filter(|(from, _): &(PathBuf, _)| from.exists()).collect()
}

/// A fact about an image, as `podman image inspect` tells it.
fn fact(image: &str, format: &str) -> Result<String> {
    Ok(stdout(tool("podman")?.args(["image", "inspect", "--format", format, image]))?.trim().to_owned())
}

/// What is promised of every image for servers, and the note that it weighs no more.
fn is_as_promised(image: &str, name: &str) -> Result<String> {
    for (format, expected) in [
        ("{{.Config.User}}", "65532:65532"),
        ("{{json .Config.Entrypoint}}", r#"["/app/app"]"#),
        ("{{json .Config.ExposedPorts}}", r#"{"8000/tcp":{}}"#),
        ("{{json .HealthCheck.Test}}", r#"["CMD","/app/app","health"]"#),
        (r#"{{index .Labels "org.opencontainers.image.title"}}"#, name),
        (r#"{{index .Labels "org.opencontainers.image.version"}}"#, env!("CARGO_PKG_VERSION")),
    ] {
        expect(format, &fact(image, format)?, expected)?;
    }
    is_small(image)
}

fn is_small(image: &str) -> Result<String> {
    let size = |image: &str| -> Result<u64> { Ok(fact(image, "{{.Size}}")?.parse()?) };
    let more = size(image)? - size("localhost/runtime")?;
    let note = format!("{} MB over the base", more / 1_000_000);
    if more <= MOST { Ok(note) } else { Err(note.into()) }
}

fn ours_are_as_promised() -> Result<String> {
    let (server, lambda) = (format!("{IMAGE}:server"), format!("{IMAGE}:lambda"));
    let note = is_as_promised(&server, "lorem-ipsum")?;
    expect("volumes", &fact(&server, "{{json .Config.Volumes}}")?, r#"{"/app/data":{}}"#)?;
    let format = "{{json .Config.Entrypoint}}";
    expect("the entry point for Lambda", &fact(&lambda, format)?, r#"["/app/app"]"#)?;
    Ok(format!("{note}, for Lambda {}", is_small(&lambda)?))
}

fn expect(what: &str, found: &str, expected: &str) -> Result {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found}, not {expected}").into()) }
}

/// The crates that the binary says it is made of are those that it is made of, as cargo tells of its folder.
fn bill_of_materials(image: &str, tree: &mut Command) -> Result<String> {
    let place = place()?;
    let binary = place.join("app");
    let container = stdout(tool("podman")?.args(["create", image]))?;
    output(tool("podman")?.arg("cp").arg(format!("{}:/app/app", container.trim())).arg(&binary))?;
    output(tool("podman")?.args(["rm", container.trim()]))?;
    let section = place.join("dependencies");
    output(
        Command::new("objcopy").arg("--dump-section").arg(format!(".dep-v0={}", section.display())).args([&binary]),
    )?;
    let read = "import json, sys, zlib\n\
                for it in json.loads(zlib.decompress(open(sys.argv[1], 'rb').read()))['packages']:\n\
                \x20 print(it['name'], 'v' + it['version'], it.get('kind', 'runtime'))";
    let told = names(&stdout(Command::new("python3").args(["-c", read]).arg(&section))?);
    let missing: Vec<_> = names(&stdout(tree)?).into_iter().filter(|name| !told.contains(name)).collect();
    if missing.is_empty() { Ok(format!("{} crates", told.len())) } else { Err(missing.join("\n").into()) }
}

/// Name and version of each line.
fn names(text: &str) -> Vec<String> {
    let pair = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let mut names: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(pair).collect();
    names.sort();
    names.dedup();
    names
}

/// What cargo says that a program is made of.
fn tree() -> Command {
    cargo(&["tree", "--edges", "normal", "--prefix", "none"])
}

fn is_closed() -> Result<String> {
    let said = output(tool("podman")?.args(RUN).args(["--rm", &format!("{IMAGE}:server")]));
    let said = said.err().ok_or("it starts without an issuer")?.to_string();
    let is_told = said.contains("no issuer is configured") && said.contains("`prod`");
    if is_told { Ok(String::new()) } else { Err(said.into()) }
}
