//! `tollgate doctor` in an application: one that is well, and then with one thing after the other that is not.

use crate::{dev::free_port, process::Made};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

/// What was found, and whether it is well on the whole.
struct Looked {
    is_well: bool,
    found: Vec<Value>,
}

impl Looked {
    /// How that is, what was found, and what mends it.
    fn at(&self, name: &str) -> (&str, &str, &str) {
        let one = self.found.iter().find(|one| one["name"] == name);
        let one = one.unwrap_or_else(|| panic!("{name} is not in {:#?}", self.found));
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        (text("state"), text("found"), text("fix"))
    }
}

fn look(made: &Made, variables: &[(&str, &str)]) -> Looked {
    let mut doctor = made.tollgate(&["doctor", "--json"]);
    let output = doctor.envs(variables.iter().copied()).output().unwrap();
    let found = serde_json::from_slice(&output.stdout).unwrap();
    Looked { is_well: output.status.success(), found }
}

/// An app that trusts that issuer.
fn with_issuer(address: &str) -> [(&'static str, &str); 3] {
    [
        ("PATIENT_APP_IDENTITY__ISSUERS__SSO__PRESET", "generic"),
        ("PATIENT_APP_IDENTITY__ISSUERS__SSO__ISSUER", address),
        ("PATIENT_APP_IDENTITY__ISSUERS__SSO__AUDIENCE", "https://api.example.com"),
    ]
}

/// Somebody who answers everything with nothing, in another year.
fn wrong_clock() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        for mut caller in socket.incoming().flatten() {
            let _ = caller.read(&mut [0; 4096]);
            let _ = caller.write_all(
                b"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 2015 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

#[test]
fn what_is_wrong_with_an_app_is_said_with_what_mends_it() {
    let made = Made::new("patient-app", &[]);
    let port = free_port();
    let port = ("PATIENT_APP_SERVER__PORT", port.as_str());

    let well = look(&made, &[port]);
    assert!(well.is_well, "{:#?}", well.found);
    assert_eq!(well.at("app").1, "patient-app compiles");
    assert!(["settings", "services", "database", "port"].map(|name| well.at(name).0) == ["good"; 4]);

    let slip = look(&made, &[("PATIENT_APP_SERVER__PROT", "1")]);
    assert!(!slip.is_well && slip.at("check").1.contains("did you mean `server.port`"), "{:#?}", slip.found);

    let away = look(&made, &[port, ("PATIENT_APP_DATABASE__URL", "postgres://app:not-told@127.0.0.1:1/films")]);
    let (state, found, fix) = away.at("check");
    assert_eq!((away.is_well, state), (false, "bad"));
    assert!(found.contains("127.0.0.1:1") && !found.contains("not-told"), "{found}");
    assert!(fix.contains("where each setting was said: cargo run -- config"), "{fix}");

    let issuer = look(&made, &[&with_issuer("http://127.0.0.1:1")[..], &[port]].concat());
    assert_eq!((issuer.is_well, issuer.at("issuer").0, issuer.at("clock").0), (false, "bad", "advice"));
    assert!(issuer.at("issuer").1.contains("sso, WITHOUT KEYS"), "{:#?}", issuer.found);
    assert_eq!(issuer.at("database").0, "good", "what is well is told besides");

    let other_year = wrong_clock();
    let clock = look(&made, &[&with_issuer(&other_year)[..], &[port]].concat());
    let (state, found, _) = clock.at("clock");
    assert!(state == "bad" && found.contains("s ahead of that of sso: its tokens are refused"), "{found}");

    let taken = TcpListener::bind(("127.0.0.1", port.1.parse().unwrap())).unwrap();
    let busy = look(&made, &[port]);
    let (state, found, fix) = busy.at("port");
    assert!(
        busy.is_well && state == "advice" && found.contains("is taken") && fix.contains("--port"),
        "{found}, {fix}"
    );
    drop(taken);

    made.write("src/lib.rs", &made.read("src/lib.rs").replace("notes::service()", "notes::serivce()"));
    let broken = look(&made, &[port]);
    let (state, found, fix) = broken.at("app");
    assert!(!broken.is_well && state == "bad" && found.contains("error[E0425]"), "{found}");
    assert_eq!(fix, "cargo build");
}
