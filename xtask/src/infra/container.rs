//! The image: does the `Dockerfile` that users build make what the guide promises?
//!
//! It is built by Buildah and run by Podman, with the bases that a machine without a registry can have: Debian's packages,
//! and the Rust that runs us. All of it lies in `target/container`.

use super::{Check, LeftOut};
use crate::{
    Result, servers,
    steps::{Steps, cargo, output, stdout},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

pub(super) const CHECK: Check =
    Check { name: "container", parts: &["hadolint", "container"], quick: lint, slow: build_and_run };

/// What an image may weigh more than its base, in bytes.
const MOST: u64 = 40_000_000;
const IMAGE: &str = "localhost/lorem-ipsum";
/// What the app is built with: what the guide's first line builds it with, which is nothing besides.
const FEATURES: &str = "";

fn lint(steps: &mut Steps, left_out: &LeftOut) {
    if !left_out.has("hadolint") {
        steps.step("Dockerfile", || {
            output(Command::new(servers::HADOLINT.file()).arg("Dockerfile")).map(|_| String::new())
        });
    }
}

fn build_and_run(steps: &mut Steps, left_out: &LeftOut) {
    if left_out.has("container") {
        return;
    }
    steps.step("bases of the image", || bases().map(|()| String::new()));
    steps.step("image for servers", || build("server").map(|()| String::new()));
    steps.step("image for Lambda", || build("lambda").map(|()| String::new()));
    steps.step("what the image is", is_as_promised);
    steps.step("what it is made of", bill_of_materials);
    steps.step("closed unless configured", is_closed);
    steps.step("the image at work", runs);
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
    let sysroot = stdout(Command::new("rustc").args(["--print", "sysroot"]))?;
    let mut buildah = tool("buildah")?;
    buildah.args(["build", "--isolation", "chroot", "--format", "docker", "--ulimit", "nofile=4096:4096"]);
    for (from, to) in mounts(sysroot.trim()) {
        buildah.arg("--volume").arg(format!("{}:{to}:ro", from.display()));
    }
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    let features = format!("FEATURES={}", if target == "lambda" { "lambda" } else { FEATURES });
    for argument in ["BUILDER=localhost/builder", "RUNTIME=localhost/runtime", &version, &features] {
        buildah.args(["--build-arg", argument]);
    }
    output(buildah.args(["--target", target, "--tag", &format!("{IMAGE}:{target}"), "."])).map(drop)
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

fn is_as_promised() -> Result<String> {
    for (format, expected) in [
        ("{{.Config.User}}", "65532:65532"),
        ("{{json .Config.Entrypoint}}", r#"["/app/app"]"#),
        ("{{json .Config.ExposedPorts}}", r#"{"8000/tcp":{}}"#),
        ("{{json .Config.Volumes}}", r#"{"/app/data":{}}"#),
        ("{{json .HealthCheck.Test}}", r#"["CMD","/app/app","health"]"#),
        (r#"{{index .Labels "org.opencontainers.image.title"}}"#, "lorem-ipsum"),
        (r#"{{index .Labels "org.opencontainers.image.version"}}"#, env!("CARGO_PKG_VERSION")),
    ] {
        expect(format, &fact(&format!("{IMAGE}:server"), format)?, expected)?;
    }
    expect(
        "the entry point for Lambda",
        &fact(&format!("{IMAGE}:lambda"), "{{json .Config.Entrypoint}}")?,
        r#"["/app/app"]"#,
    )?;
    let size = |image: &str| -> Result<u64> { Ok(fact(image, "{{.Size}}")?.parse()?) };
    let base = size("localhost/runtime")?;
    let sizes = [size(&format!("{IMAGE}:server"))? - base, size(&format!("{IMAGE}:lambda"))? - base];
    let [server, lambda] = sizes.map(|size| size / 1_000_000);
    let note = format!("{server} MB over the base, for Lambda {lambda} MB");
    if sizes.iter().all(|size| *size <= MOST) { Ok(note) } else { Err(note.into()) }
}

fn expect(what: &str, found: &str, expected: &str) -> Result {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found}, not {expected}").into()) }
}

/// The crates that the binary says it is made of are those that it is made of.
fn bill_of_materials() -> Result<String> {
    let place = place()?;
    let binary = place.join("app");
    let container = stdout(tool("podman")?.args(["create", &format!("{IMAGE}:server")]))?;
    output(tool("podman")?.arg("cp").arg(format!("{}:/app/app", container.trim())).arg(&binary))?;
    output(tool("podman")?.args(["rm", container.trim()]))?;
    let section = place.join("dependencies");
    output(
        Command::new("objcopy").arg("--dump-section").arg(format!(".dep-v0={}", section.display())).args([&binary]),
    )?;
    let read = "import json, sys, zlib\n\
                for it in json.loads(zlib.decompress(open(sys.argv[1], 'rb').read()))['packages']:\n\
                \x20 print(it['name'], 'v' + it['version'], it.get('kind', 'runtime'))";
    let told = stdout(Command::new("python3").args(["-c", read]).arg(&section))?;
    let tree = ["tree", "--package", "lorem-ipsum", "--features", FEATURES, "--edges", "normal", "--prefix", "none"];
    let tree = stdout(&mut cargo(&tree))?;
    let names = |text: &str| -> Vec<String> {
        let pair = |line: &str| Some(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        let mut names: Vec<_> = text.lines().filter(|line| !line.is_empty()).filter_map(pair).collect();
        names.sort();
        names.dedup();
        names
    };
    let told = names(&told);
    let missing: Vec<_> = names(&tree).into_iter().filter(|name| !told.contains(name)).collect();
    if missing.is_empty() { Ok(format!("{} crates", told.len())) } else { Err(missing.join("\n").into()) }
}

fn is_closed() -> Result<String> {
    let said = output(tool("podman")?.args(RUN).args(["--rm", &format!("{IMAGE}:server")]));
    let said = said.err().ok_or("it starts without an issuer")?.to_string();
    let is_told = said.contains("no issuer is configured") && said.contains("`production`");
    if is_told { Ok(String::new()) } else { Err(said.into()) }
}

/// As the guide starts it, but with the network of this machine: to map ports takes rights that not everybody has.
const RUN: [&str; 12] = [
    "run",
    "--read-only",
    "--network",
    "host",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=4096:4096",
];

/// A container, which is gone when this is dropped.
struct Container {
    name: String,
    port: u16,
}

impl Container {
    fn start(volume: &Path) -> Result<Self> {
        let port = servers::free_port();
        let container = Self { name: format!("lorem-ipsum-{port}"), port };
        let volume = format!("{}:/app/data", volume.display());
        let mut run = tool("podman")?;
        run.args(RUN).args(["--detach", "--name", &container.name, "--volume", &volume]);
        for (name, value) in [
            ("ENV", "dev"),
            ("IDENTITY__PASSWORD_GRANT", "false"),
            ("SERVER__PORT", &port.to_string()),
            ("SERVER__PUBLIC_URL", &format!("http://localhost:{port}")),
        ] {
            run.arg("--env").arg(format!("LOREM_IPSUM_{name}={value}"));
        }
        output(run.arg(format!("{IMAGE}:server")))?;
        Ok(container)
    }

    /// What a command of the app says inside it.
    fn says(&self, arguments: &[&str]) -> Result<String> {
        output(tool("podman")?.args(["exec", &self.name, "/app/app"]).args(arguments))
    }

    fn until_ready(&self) -> Result {
        let began = Instant::now();
        while let Err(why) = self.says(&["health", "--ready"]) {
            if began.elapsed() > Duration::from_mins(1) {
                let log = output(tool("podman")?.args(["logs", &self.name])).unwrap_or_default();
                return Err(format!("{why}\n{log}").into());
            }
            sleep(Duration::from_millis(300));
        }
        Ok(())
    }

    /// Tells it to stop, as `docker stop` does, and waits for its exit status.
    fn stop(&self) -> Result {
        output(tool("podman")?.args(["kill", "--signal", "TERM", &self.name]))?;
        let status = stdout(tool("podman")?.args(["wait", &self.name]))?;
        expect("the exit status", status.trim(), "0")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let gone = tool("podman").and_then(|mut podman| output(podman.args(["rm", "--force", "--ignore", &self.name])));
        drop(gone);
    }
}

/// Not root, read only, healthy, with data that outlives it, and gone in peace when it is told to.
fn runs() -> Result<String> {
    let volume = place()?.join("data");
    if volume.exists() {
        fs::remove_dir_all(&volume)?;
    }
    fs::create_dir(&volume)?;
    output(Command::new("chown").arg("65532:65532").arg(&volume))?;
    let user = ["--name", "Ann", "--email", "ann@example.test", "--password", "correct-horse-battery"];
    let container = Container::start(&volume)?;
    container.until_ready()?;
    expect(
        "the user",
        stdout(tool("podman")?.args(["top", &container.name, "huser"]))?.lines().last().unwrap_or(""),
        "65532",
    )?;
    output(tool("podman")?.args(["healthcheck", "run", &container.name]))?;
    container.says(&[&["create-user"], &user[..]].concat())?;
    let from_outside =
        output(Command::new("curl").args(["-sSf", &format!("http://127.0.0.1:{}/docs", container.port)]))?;
    expect("/docs", if from_outside.contains("<!doctype html>") { "a page" } else { &from_outside }, "a page")?;
    container.stop()?;
    let again = Container::start(&volume)?;
    again.until_ready()?;
    let users = again.says(&["user", "list"])?;
    expect("Ann", if users.contains("ann@example.test") { "there" } else { &users }, "there")?;
    again.stop()?;
    Ok(String::new())
}
