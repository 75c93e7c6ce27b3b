//! nginx, in front of several instances.

use super::{Keeper, find, folder, free_port};
use std::{fs, path::PathBuf};

/// A proxy of one's own.
#[derive(Debug)]
pub struct Nginx {
    _keeper: Keeper,
    port: u16,
}

impl Nginx {
    /// Whether its program is installed.
    pub fn is_there() -> bool {
        look_for().is_some()
    }

    /// Starts a proxy on a port of its own that spreads requests over those ports of 127.0.0.1 in turn, and keeps
    /// connections to them.
    ///
    /// # Panics
    /// If nginx is missing or does not start.
    pub fn start(port: u16, instances: &[u16]) -> Self {
        let folder = folder("nginx");
        let program = look_for()
            .unwrap_or_else(|| panic!("nginx is missing (Debian package nginx-light); `cargo xtask test` gets it"));
        let file = folder.join("nginx.conf");
        fs::write(&file, config(port, instances)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let text = |path: &PathBuf| path.display().to_string();
        let command = [text(&program), "-p".into(), text(&folder), "-c".into(), text(&file), "-e".into(), "log".into()];
        let mut keeper = Keeper::new(&folder, &format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"), &command);
        keeper.tell("start");
        Self { _keeper: keeper, port }
    }

    /// The same on any port.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn in_front_of(instances: &[u16]) -> Self {
        Self::start(free_port(), instances)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// As the guide recommends it. An instance that refuses connections is asked again a second later; a write that was sent to
/// one is not sent to another.
fn config(port: u16, instances: &[u16]) -> String {
    let instance = |port: &u16| format!("server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;");
    let instances: Vec<_> = instances.iter().map(instance).collect();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of};"));
    format!(
        "daemon off; pid nginx.pid; worker_processes 1; error_log log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         access_log off; {}\n\
         upstream app {{ {} keepalive 32; }}\n\
         server {{\n\
         listen 127.0.0.1:{port};\n\
         location / {{\n\
         proxy_pass http://app;\n\
         proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         proxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         proxy_set_header X-Request-Id $request_id;\n\
         }} }} }}\n",
        temporary.join(" "),
        instances.join(" ")
    )
}

fn look_for() -> Option<PathBuf> {
    find("nginx", &["/usr/sbin".into()])
}
