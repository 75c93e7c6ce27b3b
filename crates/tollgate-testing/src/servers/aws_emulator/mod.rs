//! AWS as moto plays it: APIs answered from memory. What it makes is remembered, and nothing of it runs.

use super::{Keeper, Pip, folder, free_port};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

const MOTO: Pip = Pip { name: "aws-emulator", pins: "crates/tollgate-testing/src/servers/aws_emulator" };

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
        MOTO.is_there()
    }

    /// Gets it; the current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch() -> Result<(), String> {
        MOTO.fetch()
    }

    /// Starts one.
    ///
    /// # Panics
    /// If it is missing or does not start.
    pub fn start() -> Self {
        let (sources, place) = MOTO.look_for().unwrap_or_else(|| {
            panic!(
                "the AWS emulator is missing; `cargo xtask test` gets it, \
                 `cargo xtask test --without aws-emulator` does without"
            )
        });
        let (folder, port) = (folder("aws-emulator"), free_port());
        let (path, program) = (format!("PYTHONPATH={}", place.display()), sources.join("emulator.py"));
        let (program, number) = (program.display().to_string(), port.to_string());
        let managed = "MOTO_IAM_LOAD_MANAGED_POLICIES=true";
        let server = ["env", &path, managed, "python3", &program, "-H", "127.0.0.1", "-p", &number];
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut emulator = Self { keeper: Keeper::new(&folder, &is_ready, &server.map(str::to_owned)), port };
        emulator.keeper.tell("start");
        emulator
    }

    /// Python, to which the SDK of AWS is there and knows this emulator.
    pub fn python(&self) -> Command {
        let mut python = MOTO.python();
        python.envs(self.variables()).env("AWS_DEFAULT_REGION", REGION);
        python
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
