//! What this app needs: that it compiles, its settings, its databases, its providers, its port, and the right time.

use super::{Finding, Report};
use crate::{
    app::{App, Description},
    say::{self, Mark},
    tools,
};
use std::{
    net::TcpListener,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// How far the clock may be off, in seconds: tokens of providers are good from a moment to a moment.
const MOST_SKEW: u64 = 30;

/// Looks at the app.
pub(super) fn look(app: &App, report: &mut Report) {
    say::step(&format!("building {}, which takes minutes the first time", app.name));
    if let Err(why) = tools::stdout(&mut app.cargo(&["build", "--quiet"])) {
        let first = why.0.lines().find(|line| line.starts_with("error")).unwrap_or("it does not compile").to_owned();
        return report.add(Finding::bad("app", format!("{}: {first}", app.name), "cargo build"));
    }
    report.add(Finding::good("app", format!("{} compiles", app.name)));
    check(app, report);
    match app.describe(None) {
        Ok(described) => {
            report.add(port(&described));
            described.issuers.iter().for_each(|issuer| report.add(clock(&issuer.name, &issuer.issuer)));
        }
        Err(why) => report.add(Finding::bad("settings", said(&why.0), "cargo run -- config")),
    }
}

/// What the app's own `check` finds: settings, databases, issuers.
fn check(app: &App, report: &mut Report) {
    let (text, ended) = tools::outcome(&mut app.command(&["check"]));
    let found = findings(&text);
    let is_told = found.iter().any(|finding| finding.mark == Mark::Bad);
    for finding in found {
        report.add(finding);
    }
    if let (Err(why), false) = (ended, is_told) {
        report.add(Finding::bad("check", said(&why.0), fix(&app.name, &why.0)));
    }
}

/// The command of the app that its error names, as in "run `shop migrate run`".
fn fix(app: &str, error: &str) -> String {
    let named = error.split('`').find_map(|words| words.strip_prefix(app)?.strip_prefix(' '));
    let command = named.map(|command| format!("cargo run -- {command}"));
    let where_said = "where each setting was said: cargo run -- config; once it is mended: cargo run -- check";
    command.unwrap_or_else(|| where_said.into())
}

/// `database   SQLite (…), as the model says`, and below it, without a name, what there is to know besides.
fn findings(text: &str) -> Vec<Finding> {
    let mut all: Vec<Finding> = vec![];
    for line in text.lines() {
        let (name, found) = line.split_once("  ").map_or(("", line), |(name, rest)| (name.trim(), rest.trim()));
        let known = ["settings", "services", "database", "issuer"].into_iter().find(|known| *known == name);
        match (known, all.last_mut()) {
            (Some(name), _) if found.contains("WITHOUT KEYS") => all.push(Finding::bad(
                name,
                found,
                "look at its address in [identity.issuers], and whether this machine reaches it",
            )),
            (Some(name), _) => all.push(Finding::good(name, found)),
            (None, Some(above)) => {
                above.found = format!("{}\n{found}", above.found);
                if found.contains("there is no such resource") {
                    (above.mark, above.fix) = (Mark::Care, Some("correct [access.roles]".into()));
                }
            }
            (None, None) => {}
        }
    }
    all
}

/// Without the word that every error begins with.
fn said(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(text);
    line.to_owned()
}

fn port(described: &Description) -> Finding {
    let host = described.text("server.host").unwrap_or_else(|| "127.0.0.1".into());
    let port: u16 = described.text("server.port").and_then(|port| port.parse().ok()).unwrap_or(8000);
    match TcpListener::bind((host.as_str(), port)) {
        Ok(_) => Finding::good("port", format!("{port} of {host} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::care(
            "port",
            format!("{port} of {host} is taken, perhaps by the app itself"),
            format!("who has it: lsof -i :{port}; another one: cargo run -- --port {}", port.saturating_add(1)),
        ),
        Err(error) => Finding::bad("port", format!("{host}:{port}: {error}"), "choose another in [server]"),
    }
}

/// Compares our clock with that of the issuer, whose tokens say from when until when they are good.
fn clock(name: &str, issuer: &str) -> Finding {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--head", "--max-time", "5", issuer]);
    let theirs = tools::stdout(&mut curl).ok().and_then(|head| date(&head));
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match theirs {
        None => Finding::care(
            "clock",
            format!("{name} was not reached, so it is not compared"),
            format!("curl -I {issuer}"),
        ),
        Some(theirs) if ours.abs_diff(theirs) <= MOST_SKEW => {
            Finding::good("clock", format!("{} s from that of {name}", ours.abs_diff(theirs)))
        }
        Some(theirs) => {
            let (off, how) = (ours.abs_diff(theirs), if ours > theirs { "ahead of" } else { "behind" });
            Finding::bad(
                "clock",
                format!("{off} s {how} that of {name}: its tokens are refused"),
                "sudo timedatectl set-ntp true",
            )
        }
    }
}

/// The header `Date` (RFC 9110, 5.6.7), in seconds since 1970: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(head: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let is_date = |line: &&str| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("date:"));
    let words: Vec<&str> = head.lines().find(is_date)?.split_whitespace().collect();
    let [_, _, day, month, year, time, "GMT"] = words[..] else { return None };
    let month = u64::try_from(MONTHS.find(month)? / 3).ok()? + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let time: Vec<u64> = time.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hours, minutes, seconds] = time[..] else { return None };
    Some(((days(year, month, day)? * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Days since 1970-01-01, by counting years that begin in March.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    (365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_answer_is_understood() {
        assert_eq!(date("HTTP/2 200\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), Some(784_111_777));
        assert_eq!(date("Date: Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Date: Tue, 29 Feb 2028 12:00:00 GMT"), Some(1_835_438_400));
        assert_eq!(date("no date"), None);
    }

    #[test]
    fn a_command_that_an_error_names_is_the_fix() {
        let error = "2 migrations were not applied to `shop`: run `shop migrate run`, or set `database.migrate = true`";
        assert_eq!(fix("shop", error), "cargo run -- migrate run");
        assert!(fix("shop", "`server.prot` is not known").contains("cargo run -- config"));
    }

    #[test]
    fn an_issuer_without_keys_is_wrong_and_lines_without_a_name_belong_to_the_one_above() {
        let text = "settings   good\n           role `a` may `read:film`, but there is no such resource\n\
                    database   SQLite\n           adds `a`\nissuer     okta, `x`, WITHOUT KEYS, so";
        let found = findings(text);
        let found: Vec<_> = found.iter().map(|finding| (finding.mark, finding.name, &*finding.found)).collect();
        let slip = "good\nrole `a` may `read:film`, but there is no such resource";
        let issuer = (Mark::Bad, "issuer", "okta, `x`, WITHOUT KEYS, so");
        assert_eq!(found, [(Mark::Care, "settings", slip), (Mark::Good, "database", "SQLite\nadds `a`"), issuer]);
    }
}
