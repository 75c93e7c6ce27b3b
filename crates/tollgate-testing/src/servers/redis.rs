//! Redis, alone or as a cluster of three.

use super::{Keeper, as_server, certify, find, folder, free_port, give, run};
use std::{
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

/// A server of one's own, or the nodes of a cluster.
#[derive(Debug)]
pub struct Redis {
    nodes: Vec<(Keeper, u16)>,
    /// Where the certificate of its authority is, if it speaks TLS alone.
    authority: Option<PathBuf>,
}

impl Redis {
    /// Whether its programs are installed.
    pub fn is_there() -> bool {
        find("redis-server", &[]).is_some() && find("redis-cli", &[]).is_some()
    }

    /// Starts a server that keeps everything in memory.
    ///
    /// # Panics
    /// If Redis is missing or does not start.
    pub fn start() -> Self {
        Self { nodes: vec![node(&[])], authority: None }
    }

    /// The same with TLS, and nothing else; its certificate is for `localhost`.
    ///
    /// # Panics
    /// As [`start`](Self::start), or if `openssl` is missing.
    pub fn start_with_tls() -> Self {
        let folder = folder("redis");
        certify(&folder);
        give(&folder);
        let [authority, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|file| folder.join(file));
        let text = |path: &Path| path.display().to_string();
        let more = ["--tls-cert-file", &text(&certificate), "--tls-key-file", &text(&key)].map(str::to_owned);
        let more =
            [&more[..], &["--tls-ca-cert-file", &text(&authority), "--tls-auth-clients", "no"].map(str::to_owned)];
        let node = node_in(&folder, Some(&authority), &more.concat());
        Self { nodes: vec![node], authority: Some(authority) }
    }

    /// The certificate of the authority that certified it, in a PEM file.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Starts three, and joins them to a cluster.
    ///
    /// # Panics
    /// If Redis is missing, or they do not become one.
    pub fn start_cluster() -> Self {
        // A node that is gone is noticed after a second.
        let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let nodes: Vec<_> = (0..3).map(|_| node(&settings)).collect();
        let cluster = Self { nodes, authority: None };
        let addresses = cluster.nodes.iter().map(|(_, port)| format!("127.0.0.1:{port}"));
        run(Command::new("redis-cli").args(["--cluster", "create"]).args(addresses).arg("--cluster-yes"));
        (0..3).for_each(|node| cluster.until(node, "cluster_state:ok"));
        cluster
    }

    /// Waits until a node of a cluster says so of it.
    fn until(&self, node: usize, state: &str) {
        let says_so = |_| {
            sleep(Duration::from_millis(100));
            self.tell(node, &["cluster", "info"]).contains(state)
        };
        assert!((0..300).any(says_so), "node {node} does not come to {state}");
    }

    /// Ends a node of a cluster without warning. Everything it kept is lost, except which part of the keys is its own.
    pub fn kill_node(&mut self, node: usize) {
        self.nodes[node].0.tell("kill");
    }

    /// Waits until the others have noticed that a node is gone, from when on they refuse to answer.
    ///
    /// # Panics
    /// If they do not notice.
    pub fn wait_until_missed(&self, node: usize) {
        (0..self.nodes.len()).filter(|other| *other != node).for_each(|other| self.until(other, "cluster_state:fail"));
    }

    /// Starts it again, empty, and returns once the cluster is whole.
    ///
    /// # Panics
    /// If it does not become whole.
    pub fn resume_node(&mut self, node: usize) {
        self.nodes[node].0.tell("start");
        (0..self.nodes.len()).for_each(|node| self.until(node, "cluster_state:ok"));
    }

    /// What a node answers to a command.
    ///
    /// # Panics
    /// If it does not.
    pub fn tell(&self, node: usize, command: &[&str]) -> String {
        let port = self.nodes[node].1.to_string();
        run(Command::new("redis-cli").args(["-h", "127.0.0.1", "-p", &port]).args(command))
    }

    /// Ends it without warning. Everything it kept is lost.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(|(keeper, _)| keeper.tell("kill"));
    }

    /// Starts it again, empty, and returns once it answers.
    pub fn resume(&mut self) {
        self.nodes.iter_mut().for_each(|(keeper, _)| keeper.tell("start"));
    }

    /// Stops its process where it is (`SIGSTOP`), until what this returns is dropped.
    pub fn freeze(&self) -> Frozen {
        let info = self.tell(0, &["info", "server"]);
        let process = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap_or_default().trim();
        run(Command::new("kill").args(["-STOP", process]));
        Frozen(process.to_owned())
    }

    /// Where it is; all nodes of a cluster.
    pub fn url(&self) -> String {
        let place = if self.authority.is_some() { "rediss://localhost" } else { "redis://127.0.0.1" };
        let urls: Vec<_> = self.nodes.iter().map(|(_, port)| format!("{place}:{port}")).collect();
        urls.join(",")
    }
}

/// A stopped process, which goes on when this is dropped.
#[derive(Debug)]
pub struct Frozen(String);

impl Drop for Frozen {
    fn drop(&mut self) {
        run(Command::new("kill").args(["-CONT", &self.0]));
    }
}

fn node(more: &[&str]) -> (Keeper, u16) {
    node_in(&folder("redis"), None, &more.iter().map(|&part| part.to_owned()).collect::<Vec<_>>())
}

/// With an authority it listens for TLS alone.
fn node_in(folder: &Path, authority: Option<&Path>, more: &[String]) -> (Keeper, u16) {
    let port = free_port();
    let program: PathBuf = find("redis-server", &[])
        .unwrap_or_else(|| panic!("redis-server is missing (Debian package redis-server); `cargo xtask test` gets it"));
    let mut command = as_server(&program);
    let (port_text, place) = (port.to_string(), folder.display().to_string());
    let (plain, tls) = if authority.is_some() { ("0", &*port_text) } else { (&*port_text, "0") };
    command.extend(["--port", plain, "--tls-port", tls, "--bind", "127.0.0.1"].map(str::to_owned));
    command.extend(["--dir", &place, "--save", "", "--appendonly", "no", "--protected-mode", "no"].map(str::to_owned));
    command.extend_from_slice(more);
    let tls = authority.map(|file| format!("--tls --cacert {}", file.display())).unwrap_or_default();
    let is_ready = format!("redis-cli -h localhost -p {port} {tls} ping | grep -q PONG");
    let mut keeper = Keeper::new(folder, &is_ready, &command);
    keeper.tell("start");
    (keeper, port)
}
