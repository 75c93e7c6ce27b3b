//! `[server]`: where the app listens, and what it lets one client take from the others.

use super::check_bounds;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};
use tollgate_auth::is_loopback;
use tollgate_http::{ConnectionLimits, Load};
use url::{Position, Url};

/// Where the app listens, and what it lets one client take from the others. The defaults suit production behind a
/// balancer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// The address. Default: `127.0.0.1`, this machine only.
    pub host: String,
    /// The port; 0 takes a free one. Default: 8000.
    pub port: u16,
    /// Of the app's services, those that this process serves, as in `["books", "words"]`: one app, split into several.
    /// Default: all of them.
    pub services: Vec<String>,
    /// The origin people and programs use, as in `https://api.example.com`. Default: that of host and port.
    pub public_url: Option<String>,
    /// Other origins whose pages may read answers, as in `["https://app.example.com"]`, exactly as browsers write them; pages
    /// of public clients of the embedded issuer may by themselves. They send tokens, never cookies. Default: none.
    pub origins: Vec<String>,
    /// How many proxies stand in front, each of which adds whom it speaks for to `X-Forwarded-For`. With too small a
    /// number everybody seems to come from the proxy, with too large a one from wherever they say. With any,
    /// the `X-Request-Id` of a request is believed, which the proxy must set, and its `traceparent`. Default: 0.
    pub proxies: u8,
    /// Certificate and key, where the app itself speaks TLS. Default: none, connections are in the clear.
    pub tls: Option<TlsFiles>,
    /// Whether other processes may listen on the same port (`SO_REUSEPORT`), and the system spreads connections over
    /// them. Default: no.
    pub reuse_port: bool,
    /// How many connections may be open at once, 1 to 1,000,000. Others are told to come back. Default: 10,000.
    pub connections: u32,
    /// How many requests may run at once, 1 to 100,000. Others wait for a place; while there are always some who do, fewer
    /// run, as long as no fewer are answered for it. Default: 256.
    pub requests: u32,
    /// How long a request waits for a place at most, in milliseconds, 0 to 10,000; then the answer is 503. Default: 50.
    pub queue_milliseconds: u32,
    /// How long the head of a request may take to come, in seconds, 1 to 300; then the answer is 408. Default: 10.
    pub head_seconds: u32,
    /// The largest head of a request, in KiB, 8 to 1024; beyond it the answer is 431. Default: 64.
    pub head_kibibytes: u32,
    /// How long a connection is kept for the next request, in seconds, 1 to 3600. It should be longer than what the
    /// balancer in front keeps its connections, or else requests get lost. Default: 75.
    pub idle_seconds: u32,
    /// How long a request may take until its answer begins, in seconds, 1 to 3600; then the answer is 503. Default: 30.
    pub request_seconds: u32,
    /// How long a body or an answer may stand still, in seconds, 1 to 300; then the answer is 408, or the connection is
    /// closed. Default: 10.
    pub stall_seconds: u32,
    /// What a body or an answer that once stood still has to advance by, in bytes a second, 1 to 1,000,000. Default: 1024.
    pub bytes_per_second: u32,
    /// How it ends.
    pub shutdown: Shutdown,
}

/// Where certificate and key are. Both are read again when they change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsFiles {
    /// A file with the certificate and those above it, as PEM.
    pub certificate: PathBuf,
    /// A file with its private key, as PEM.
    pub key: PathBuf,
}

/// How the app ends when it is told to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Shutdown {
    /// How long it goes on while `/readyz` says 503, so that balancers learn of it, in seconds, 0 to 300. Default: none in
    /// `dev`, 5 elsewhere.
    pub wait_seconds: Option<u32>,
    /// How long requests under way may take after that, in seconds, 0 to 3600. Default: 20.
    pub drain_seconds: u32,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8000,
            services: vec![],
            public_url: None,
            origins: vec![],
            proxies: 0,
            tls: None,
            reuse_port: false,
            connections: 10_000,
            requests: 256,
            queue_milliseconds: 50,
            head_seconds: 10,
            head_kibibytes: 64,
            idle_seconds: 75,
            request_seconds: 30,
            stall_seconds: 10,
            bytes_per_second: 1024,
            shutdown: Shutdown::default(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { wait_seconds: None, drain_seconds: 20 }
    }
}

impl Server {
    /// Refuses what is out of bounds.
    pub(super) fn check(&self, is_dev: bool) -> Result<(), String> {
        self.origins.iter().enumerate().try_for_each(|(at, origin)| check_origin(at, origin, is_dev))?;
        self.public_url.as_deref().map_or(Ok(()), check_public_url)?;
        let bounds = [
            ("connections", self.connections, 1..=1_000_000),
            ("requests", self.requests, 1..=100_000),
            ("queue_milliseconds", self.queue_milliseconds, 0..=10_000),
            ("head_seconds", self.head_seconds, 1..=300),
            ("head_kibibytes", self.head_kibibytes, 8..=1024),
            ("idle_seconds", self.idle_seconds, 1..=3600),
            ("request_seconds", self.request_seconds, 1..=3600),
            ("stall_seconds", self.stall_seconds, 1..=300),
            ("bytes_per_second", self.bytes_per_second, 1..=1_000_000),
            ("shutdown.wait_seconds", self.shutdown.wait_seconds.unwrap_or_default(), 0..=300),
            ("shutdown.drain_seconds", self.shutdown.drain_seconds, 0..=3600),
        ];
        check_bounds("server", bounds)
    }

    /// What connections are held to.
    pub(crate) fn limits(&self) -> ConnectionLimits {
        let mut limits = ConnectionLimits::default();
        limits.connections = self.connections as usize;
        limits.head = seconds(self.head_seconds);
        limits.head_bytes = self.head_kibibytes as usize * 1024;
        limits.idle = seconds(self.idle_seconds);
        limits.stall = seconds(self.stall_seconds);
        limits.rate = self.bytes_per_second;
        limits
    }

    /// What requests are held to.
    pub(crate) fn load(&self) -> Load {
        let queue_timeout = Duration::from_millis(self.queue_milliseconds.into());
        Load::new(self.requests as usize, queue_timeout, seconds(self.request_seconds))
    }
}

impl Shutdown {
    /// How long everything goes on.
    pub(crate) fn wait(&self, is_dev: bool) -> Duration {
        seconds(self.wait_seconds.unwrap_or(if is_dev { 0 } else { 5 }))
    }

    /// How long requests under way may take after that.
    pub(crate) fn drain(&self) -> Duration {
        seconds(self.drain_seconds)
    }
}

/// What people and programs use is an origin: issuers, cookies and links are made of it.
fn check_public_url(text: &str) -> Result<(), String> {
    let is_origin = |url: &Url| {
        let is_bare = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && is_bare && url[Position::AfterPort..] == *"/"
    };
    let wrong = "server.public_url must be scheme, host and port alone, as in `https://api.example.com`";
    Url::parse(text).ok().filter(is_origin).map(drop).ok_or_else(|| wrong.into())
}

/// Whose pages may read answers is named, one by one, and is who it says it is.
fn check_origin(at: usize, origin: &str, is_dev: bool) -> Result<(), String> {
    let refused = |why: String| Err(format!("server.origins.{at} {why}"));
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https") && !origin.contains('*'));
    let Some(url) = url else {
        return refused("is no origin: name each as scheme and host, as in `https://app.example.com`".into());
    };
    let written = url.origin().ascii_serialization();
    if written != origin {
        return refused(format!("is written otherwise by browsers: did you mean `{written}`?"));
    }
    if url.scheme() == "http" && !is_dev && !is_loopback(&url) {
        return refused("can be anybody on the way: outside `dev`, https it is, but for loopback addresses".into());
    }
    Ok(())
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
