//! AWS as moto plays it: the APIs of Secrets Manager and Parameter Store, answered from memory.

use super::{Keeper, folder, free_port, output};
use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

/// Which Python packages there are, and of which content; below the workspace.
const PINS: &str = "crates/tollgate-testing/src/servers/aws_emulator/requirements.txt";
/// Where they are put, below the workspace.
const PLACE: &str = "target/parts/aws-emulator";

const REGION: &str = "eu-central-1";

/// An emulator of one's own, which knows nothing yet.
#[derive(Debug)]
pub struct AwsEmulator {
    keeper: Keeper,
    port: u16,
}

impl AwsEmulator {
    /// Whether it is there, as it is pinned now.
    pub fn is_there() -> bool {
        look_for().is_some()
    }

    /// Gets it; the current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch() -> Result<(), String> {
        let (pins, place) = (Path::new(PINS), Path::new(PLACE));
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        if place.exists() {
            fs::remove_dir_all(place).map_err(failed)?;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--target"]);
        output(pip.arg(place).arg("--requirement").arg(pins))?;
        // Last, so that what was interrupted is fetched again.
        fs::copy(pins, place.join("requirements.txt")).map(drop).map_err(failed)
    }

    /// Starts one.
    ///
    /// # Panics
    /// If it is missing or does not start.
    pub fn start() -> Self {
        let place = look_for().unwrap_or_else(|| {
            panic!(
                "the AWS emulator is missing; `cargo xtask test` gets it, \
                 `cargo xtask test --without aws-emulator` does without"
            )
        });
        let (folder, port) = (folder("aws-emulator"), free_port());
        let path = format!("PYTHONPATH={}", place.display());
        let server = ["env", &path, "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()];
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut emulator = Self { keeper: Keeper::new(&folder, &is_ready, &server.map(str::to_owned)), port };
        emulator.keeper.tell("start");
        emulator
    }

    /// What makes every AWS SDK speak to it, and to nobody else.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_REGION", REGION.into()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ]
    }

    /// Calls an operation, as in `secretsmanager` `CreateSecret`, with its JSON.
    ///
    /// # Panics
    /// If it refuses.
    pub fn call(&self, service: &str, operation: &str, json: &str) {
        let target = if service == "ssm" { "AmazonSSM" } else { service };
        let scope = format!("test/20260101/{REGION}/{service}/aws4_request");
        let request = format!(
            "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: {target}.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none\r\n\
             Content-Length: {}\r\n\r\n{json}",
            json.len()
        );
        let mut answer = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut server| {
            server.write_all(request.as_bytes())?;
            server.read_to_string(&mut answer)
        });
        assert!(answer.split(' ').nth(1) == Some("200"), "{operation}: {asked:?} {answer}");
    }

    /// Kills it, with all it knows.
    pub fn kill(&mut self) {
        self.keeper.tell("kill");
    }
}

fn look_for() -> Option<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let workspace = here.ancestors().find(|folder| folder.join(PINS).is_file())?;
    let place = workspace.join(PLACE);
    let is_current = fs::read(workspace.join(PINS)).ok()? == fs::read(place.join("requirements.txt")).ok()?;
    is_current.then_some(place)
}
