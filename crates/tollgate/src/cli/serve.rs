//! `serve`: listen, tell what there is, answer until told to stop.

use super::print;
use crate::{
    app::{Design, Failure},
    console,
    home::first_list,
    lambda,
    running::Running,
    telemetry::{Started, show_metrics},
};
use std::{fmt::Write as _, net::SocketAddr, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};
use tollgate_http::{Ended, Serving, Tls, bind, log_panics, take_socket};
use tollgate_store::audit::Held;

/// Serves on the socket that was handed over, or on one of its own.
pub(super) async fn serve(mut design: Design, takes_socket: bool, telemetry: Arc<Started>) -> Result<(), Failure> {
    if design.settings.lambda.is_here {
        return Box::pin(lambda::serve(design, telemetry)).await;
    }
    log_panics();
    let server = &design.settings.server;
    design.settings.check().map_err(Failure)?;
    let tls = server.tls.clone().map(|files| Tls::read(files.certificate, files.key)).transpose();
    let tls = tls.map_err(|said| Failure(format!("server.tls: {said}")))?;
    let listening = if takes_socket { take_socket() } else { bind(&server.host, server.port, server.reuse_port).await };
    let listening = listening.map_err(Failure)?;
    // Port 0 is known only now, and tokens name the address they come from.
    let address = listening.address()?;
    design.settings.server.port = address.port();
    // What was handed over may listen elsewhere than the settings say.
    design.settings.recent.take_if(|_| !address.ip().is_loopback());
    // What a first start makes is told after the addresses that people look for.
    let held = Held::default();
    let running = Arc::new(held.within(design.open()).await?);
    held.within(running.add_demo_users()).await?;
    let (serving, told) = (running.serving(tls), told_to_stop()?);
    let metrics = show_metrics(&running).await?;
    print(&running.banner(metrics))?;
    drop(held);
    running.start_jobs();
    match listening.serve(serving, told).await {
        Ended::Whole => Ok(()),
        Ended::Cut(connections) => {
            Err(Failure(format!("{connections} connections were cut off: their requests did not end in time")))
        }
    }
}

/// Ctrl-C, or the signal with which service managers end a process, each time one comes; listened for from now on.
fn told_to_stop() -> Result<impl AsyncFnMut(), Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move || {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

impl Running {
    fn serving(self: &Arc<Self>, tls: Option<Tls>) -> Serving {
        let (router, edge) = self.router();
        let settings = &self.design.settings;
        let (server, stop) = (&settings.server, self.stop.clone());
        let (wait, drain) = (server.shutdown.wait(settings.is_dev()), server.shutdown.drain());
        Serving { router, edge, limits: server.limits(), tls, stop, wait, drain }
    }

    async fn add_demo_users(&self) -> Result<(), Failure> {
        for user in self.design.settings.demo_users() {
            let password = user.password.as_str().into();
            let added = self.identity()?.ensure_demo_user(&user.name, &user.email, &password, &user.roles).await;
            added.map_err(|error| Failure(format!("identity.demo_users, {}: {}", user.email, Failure::from(error))))?;
        }
        Ok(())
    }

    /// What a person at the terminal wants to know first.
    fn banner(&self, metrics: Option<SocketAddr>) -> String {
        let settings = &self.design.settings;
        let (url, name) = (settings.public_url(), self.design.name);
        let mut text = format!("{name} {} ({})\n", self.design.version, settings.env);
        let _ = writeln!(text, "\n  app        {url}/\n  docs       {url}/docs");
        if settings.recent.is_some() {
            let _ = writeln!(text, "  console    {url}{}", console::PATH);
        }
        if !settings.server.services.is_empty() {
            let _ = writeln!(text, "  services   {}", settings.server.services.join(", "));
        }
        for (index, database) in self.databases.describe().enumerate() {
            let label = if index == 0 { "database" } else { "" };
            let _ = writeln!(text, "  {label:<10} {database}");
        }
        if let Some(address) = metrics {
            let _ = writeln!(text, "  metrics    http://{address}/metrics");
        }
        for done in &self.done {
            let _ = writeln!(text, "             {done}");
        }
        self.describe_demo(&mut text, &url);
        let _ = writeln!(text, "\nCtrl-C stops it.");
        text
    }

    fn describe_demo(&self, text: &mut String, url: &str) {
        let users = self.design.settings.demo_users();
        for (index, user) in users.iter().enumerate() {
            let label = if index == 0 { "users" } else { "" };
            let _ = writeln!(text, "  {label:<10} {:<24} password {}", user.email, user.password);
        }
        let list = first_list(&self.design.built);
        if let (Some(user), Some(path), true) = (users.first(), list, self.design.settings.identity.password_grant) {
            let (email, password) = (&user.email, &user.password);
            let _ = writeln!(text, "\nTry it:\n");
            let _ = writeln!(
                text,
                "  TOKEN=$(curl -s {url}/token -d username={email} -d password={password} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
            );
            let _ = writeln!(text, "  curl -s -H \"Authorization: Bearer $TOKEN\" '{url}{path}?limit=3'");
        }
    }
}
