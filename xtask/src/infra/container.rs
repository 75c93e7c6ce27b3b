//! The image: does the `Dockerfile` that users build make what the guide promises?
//!
//! It is built by Buildah and run by Podman, with the bases that a machine without a registry can have: Debian's packages,
//! and the Rust that runs us. All of it lies in `target/container`.

use super::{Check, LeftOut};
use crate::{
    Result, servers,
    steps::{Steps, cargo, output, stdout},
};
use serde_json::{Value, json};
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

pub(super) const CHECK: Check =
    Check { name: "container", parts: &["hadolint", "container", "lambda-emulator"], quick: lint, slow: build_and_run };

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
    if !left_out.has("lambda-emulator") {
        steps.step("the image as a function", is_a_function_of_ours);
        steps.step("the image of a new app", of_a_new_app);
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
    let is_told = said.contains("no issuer is configured") && said.contains("`prod`");
    if is_told { Ok(String::new()) } else { Err(said.into()) }
}

/// As the guide starts it, with nothing that it does not need.
const RUN: [&str; 10] = [
    "run",
    "--read-only",
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
        run.arg("--publish").arg(format!("127.0.0.1:{port}:8000"));
        for (name, value) in [
            ("ENV", "dev"),
            ("IDENTITY__PASSWORD_GRANT", "false"),
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
                return Err(self.told(&*why));
            }
            sleep(Duration::from_millis(300));
        }
        Ok(())
    }

    /// Calls it as a function, once its emulator is there.
    fn invoke(&self, event: &str) -> Result<String> {
        let address = format!("http://127.0.0.1:{}/2015-03-31/functions/function/invocations", self.port);
        let patience = ["--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--max-time", "60"];
        stdout(Command::new("curl").args(["-sS", "--data-binary", event]).args(patience).arg(address))
            .map_err(|why| self.told(&*why))
    }

    /// Why something went wrong, with what the container says.
    fn told(&self, why: &dyn Error) -> Box<dyn Error> {
        let log = tool("podman").and_then(|mut podman| output(podman.args(["logs", &self.name])));
        format!("{why}\n{}", log.unwrap_or_default()).into()
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

/// One that is told where it is, and takes tokens of one issuer.
fn is_a_function_of_ours() -> Result<String> {
    let identity = [
        ("DATABASE__ADDITIVE", "true"),
        ("IDENTITY__ISSUERS__OLD__PRESET", "secret"),
        ("IDENTITY__ISSUERS__OLD__ISSUER", "old"),
        ("IDENTITY__ISSUERS__OLD__AUDIENCE", "api"),
        ("IDENTITY__ISSUERS__OLD__SECRET", "GigpCuYFM1VX0O+hOBgdOqPvZCJ4qigBzql0kBxN0So="),
    ];
    is_a_function(&format!("{IMAGE}:lambda"), "LOREM_IPSUM", &identity)
}

/// AWS Lambda's own emulator starts it as Lambda does: with a file system that is read only but for `/tmp`.
fn is_a_function(image: &str, prefix: &str, identity: &[(&str, &str)]) -> Result<String> {
    let emulator = servers::LAMBDA_EMULATOR.file().canonicalize()?;
    let port = servers::free_port();
    let container = Container { name: format!("function-{port}"), port };
    let mut run = tool("podman")?;
    run.args(RUN).args([
        "--detach",
        "--tmpfs",
        "/tmp:mode=1777",
        "--name",
        &container.name,
        "--entrypoint",
        "/emulator",
    ]);
    run.arg("--volume").arg(format!("{}:/emulator:ro", emulator.display()));
    let settings = [("SERVER__PUBLIC_URL", "https://lorem.example"), ("DATABASE__URL", "sqlite:/tmp/app.db")];
    for (name, value) in settings.iter().chain(identity) {
        run.arg("--env").arg(format!("{prefix}_{name}={value}"));
    }
    run.arg("--publish").arg(format!("127.0.0.1:{port}:8080"));
    output(run.args([image, "--runtime-interface-emulator-address", "0.0.0.0:8080", "/app/app"]))?;
    let answer = container.invoke(&event("/readyz"))?;
    let status = serde_json::from_str::<Value>(&answer).map(|answer| answer["statusCode"].to_string());
    expect("the answer to /readyz", status.as_deref().unwrap_or(&answer), "200")
        .map_err(|why| container.told(&*why))?;
    let refused: Value = serde_json::from_str(&container.invoke(&event("/nowhere-at-all"))?)?;
    expect("a stranger's answer", &refused["statusCode"].to_string(), "404")?;
    Ok(String::new())
}

/// A call as API Gateway's HTTP API makes it.
fn event(path: &str) -> String {
    let http = json!({ "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7" });
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "isBase64Encoded": false,
        "headers": { "host": "lorem.example" }, "requestContext": { "http": http, "stage": "$default" },
    })
    .to_string()
}

/// As the tutorial goes: an app that was made for nowhere, of which `tollgate deploy init` makes one for Lambda. Its
/// image, built by the line that the guide has, is a server and a function.
fn of_a_new_app() -> Result<String> {
    let (here, folder) = (env::current_dir()?, place()?.join("library"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    output(cargo(&["build", "--quiet", "--package", "tollgate-cli"]).env("CARGO_TARGET_DIR", here.join("target")))?;
    let tollgate = here.join("target/debug/tollgate");
    output(Command::new(&tollgate).args(["new", "library", "--path"]).arg(&folder))?;
    let mut init = Command::new(&tollgate);
    init.args(["deploy", "init", "--target", "lambda", "--env", "prod"]).current_dir(&folder);
    output(init.env("CARGO_TARGET_DIR", here.join("target/made")))?;
    output(Command::new(servers::HADOLINT.file()).arg(folder.join("Dockerfile")))?;
    let context = format!("--build-context=tollgate={}", here.display());
    let image = "localhost/library:1";
    output(buildah(&[&context, "--tag", image])?.arg(&folder))?;
    expect("its user", &fact(image, "{{.Config.User}}")?, "65532:65532")?;
    expect("its health check", &fact(image, "{{json .HealthCheck.Test}}")?, r#"["CMD","/app/app","health"]"#)?;
    is_a_function(image, "LIBRARY", &[("DATABASE__ADDITIVE", "true"), ("IDENTITY__EMBEDDED", "true")])
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
