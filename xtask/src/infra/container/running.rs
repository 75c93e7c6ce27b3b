//! Containers that run: as a server, and as a function of AWS Lambda.

use super::{IMAGE, expect, place, tool};
use crate::{
    Result, servers,
    steps::{output, stdout},
};
use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// As the guide starts it, with nothing that it does not need.
pub(super) const RUN: [&str; 10] = [
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
    fn start(image: &str, prefix: &str, volume: &Path) -> Result<Self> {
        let port = servers::free_port();
        let container = Self { name: format!("server-{port}"), port };
        let volume = format!("{}:/app/data", volume.display());
        let mut run = tool("podman")?;
        run.args(RUN).args(["--detach", "--name", &container.name, "--volume", &volume]);
        run.arg("--publish").arg(format!("127.0.0.1:{port}:8000"));
        for (name, value) in [
            ("ENV", "dev"),
            ("IDENTITY__PASSWORD_GRANT", "false"),
            ("SERVER__PUBLIC_URL", &format!("http://localhost:{port}")),
        ] {
            run.arg("--env").arg(format!("{prefix}_{name}={value}"));
        }
        output(run.arg(image))?;
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
pub(super) fn is_a_function_of_ours() -> Result<String> {
    let identity = [
        ("DATABASE__ADDITIVE", "true"),
        ("IDENTITY__ISSUERS__OLD__PRESET", "secret"),
        ("IDENTITY__ISSUERS__OLD__ISSUER", "old"),
        ("IDENTITY__ISSUERS__OLD__AUDIENCE", "api"),
        ("IDENTITY__ISSUERS__OLD__SECRET", "GigpCuYFM1VX0O+hOBgdOqPvZCJ4qigBzql0kBxN0So="),
    ];
    is_a_function(&format!("{IMAGE}:lambda"), "LOREM_IPSUM", &identity)
}

/// AWS Lambda's own emulator starts it as Lambda does: as a user that the image does not know, with a file system that is read
/// only but for `/tmp`.
pub(super) fn is_a_function(image: &str, prefix: &str, identity: &[(&str, &str)]) -> Result<String> {
    let emulator = servers::LAMBDA_EMULATOR.file().canonicalize()?;
    let port = servers::free_port();
    let container = Container { name: format!("function-{port}"), port };
    let mut run = tool("podman")?;
    run.args(RUN).args([
        "--detach",
        "--user",
        "993:990",
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

/// Not root, read only, healthy, with data that outlives it, and gone in peace when it is told to.
pub(super) fn runs(image: &str, prefix: &str) -> Result<String> {
    let volume = place()?.join("data");
    if volume.exists() {
        fs::remove_dir_all(&volume)?;
    }
    fs::create_dir(&volume)?;
    output(Command::new("chown").arg("65532:65532").arg(&volume))?;
    let user = ["--name", "Ann", "--email", "ann@example.test", "--password", "correct-horse-battery"];
    let container = Container::start(image, prefix, &volume)?;
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
    let again = Container::start(image, prefix, &volume)?;
    again.until_ready()?;
    let users = again.says(&["user", "list"])?;
    expect("Ann", if users.contains("ann@example.test") { "there" } else { &users }, "there")?;
    again.stop()?;
    Ok(String::new())
}
