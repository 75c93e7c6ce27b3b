//! AWS Lambda on this machine: the Runtime Interface Emulator of AWS, which runs a program as Lambda does.

use super::{Keeper, Wheel, folder, free_port};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The package that carries the emulator.
pub const LAMBDA_EMULATOR: Wheel = Wheel {
    name: "lambda-emulator",
    package: "aws-sam-cli==1.170.0",
    checksum: "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf",
    holds: "samcli/local/rapid/aws-lambda-rie-x86_64",
};

/// One function, which starts with the first call.
#[derive(Debug)]
pub struct LambdaEmulator {
    keeper: Keeper,
    port: u16,
}

impl LambdaEmulator {
    /// Runs that program with these variables; its working folder is one of its own.
    ///
    /// # Panics
    /// If the emulator is missing or does not start.
    pub fn start(program: &Path, variables: &[(&str, String)]) -> Self {
        let emulator = LAMBDA_EMULATOR.folder().join(LAMBDA_EMULATOR.holds).display().to_string();
        let (folder, port, api) = (folder("lambda"), free_port(), free_port());
        let bootstrap = write_bootstrap(&folder, program);
        let mut server = vec!["env".to_owned()];
        server.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
        server.extend([emulator, "--log-level".into(), "error".into()]);
        server.extend(["--runtime-interface-emulator-address".into(), format!("127.0.0.1:{port}")]);
        server.extend(["--runtime-api-address".into(), format!("127.0.0.1:{api}"), bootstrap]);
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut function = Self { keeper: Keeper::new(&folder, &is_ready, &server), port };
        function.keeper.tell("start");
        function
    }

    /// Calls the function with an event; its answer, or its error.
    ///
    /// # Panics
    /// If the emulator does not answer.
    pub fn invoke(&self, event: &str) -> String {
        let request = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{event}",
            event.len()
        );
        let mut answer = vec![];
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut emulator| {
            emulator.write_all(request.as_bytes())?;
            emulator.read_to_end(&mut answer)
        });
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.unwrap_or_else(|| panic!("no answer: {asked:?}\n{}", self.log()))
    }

    /// What the function wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.keeper.folder.join("log")).unwrap_or_default()
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        self.keeper.folder.clone()
    }
}

/// What Lambda starts: says who it is, and becomes the program.
fn write_bootstrap(folder: &Path, program: &Path) -> String {
    let bootstrap = folder.join("bootstrap");
    let script = format!("#!/bin/sh\ncd '{}'\nexec '{}'\n", folder.display(), program.display());
    let written = fs::write(&bootstrap, script);
    let written = written.and_then(|()| fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)));
    written.unwrap_or_else(|error| panic!("{}: {error}", bootstrap.display()));
    bootstrap.display().to_string()
}
