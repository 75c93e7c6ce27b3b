//! Redis, alone or as a cluster of three.

use super::{Keeper, as_server, find, folder, free_port, run};
use std::{path::PathBuf, process::Command, thread::sleep, time::Duration};

/// A server of one's own, or the nodes of a cluster.
#[derive(Debug)]
pub struct Redis {
    nodes: Vec<(Keeper, u16)>,
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
        Self { nodes: vec![node(&[])] }
    }

    /// Starts three, and joins them to a cluster.
    ///
    /// # Panics
    /// If Redis is missing, or they do not become one.
    pub fn start_cluster() -> Self {
        let nodes: Vec<_> = (0..3).map(|_| node(&["--cluster-enabled", "yes"])).collect();
        let cluster = Self { nodes };
        let addresses = cluster.nodes.iter().map(|(_, port)| format!("127.0.0.1:{port}"));
        run(Command::new("redis-cli").args(["--cluster", "create"]).args(addresses).arg("--cluster-yes"));
        for node in 0..3 {
            let is_whole = |_: &u32| {
                sleep(Duration::from_millis(100));
                cluster.tell(node, &["cluster", "info"]).contains("cluster_state:ok")
            };
            assert!((0..300).any(|turn| is_whole(&turn)), "the cluster does not become whole");
        }
        cluster
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
        let urls: Vec<_> = self.nodes.iter().map(|(_, port)| format!("redis://127.0.0.1:{port}")).collect();
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
    let (folder, port) = (folder("redis"), free_port());
    let program: PathBuf = find("redis-server", &[])
        .unwrap_or_else(|| panic!("redis-server is missing (Debian package redis-server); `cargo xtask test` gets it"));
    let mut command = as_server(&program);
    let (port_text, place) = (port.to_string(), folder.display().to_string());
    command.extend(["--port", &port_text, "--bind", "127.0.0.1", "--dir", &place, "--save", ""].map(str::to_owned));
    command.extend(["--appendonly", "no", "--protected-mode", "no"].map(str::to_owned));
    command.extend(more.iter().map(|&part| part.to_owned()));
    let is_ready = format!("redis-cli -h 127.0.0.1 -p {port} ping | grep -q PONG");
    let mut keeper = Keeper::new(&folder, &is_ready, &command);
    keeper.tell("start");
    (keeper, port)
}
