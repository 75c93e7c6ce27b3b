//! The built binary with settings from Secrets Manager and Parameter Store.

use crate::process::{Server, command, failure, stdout};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    fs::{self, File, read_to_string},
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::servers::AwsEmulator;

/// A command of the app that finds the emulator, with these settings.
pub(crate) fn with(aws: &AwsEmulator, folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = command(folder, arguments);
    command.envs(aws.variables());
    command.envs(settings.iter().map(|(name, value)| (format!("LOREM_IPSUM_{name}"), *value)));
    command
}

/// Keeps a secret there, or another one in its place.
pub(crate) fn keep(aws: &AwsEmulator, operation: &str, name: &str, secret: &Value) {
    let (id, text) = (if operation == "CreateSecret" { "Name" } else { "SecretId" }, secret.to_string());
    aws.call("secretsmanager", operation, &json!({ id: name, "SecretString": text }).to_string());
}

/// Asks again and again until it is so; a busy machine has its time.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "not in a minute: {what}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn any_setting_may_be_a_secret_or_a_parameter() {
    let (aws, folder) = (AwsEmulator::start(), TempDir::new().unwrap());
    keep(&aws, "CreateSecret", "films", &json!({ "url": "sqlite:./canary-of-a-secret.db", "hours": 3 }));
    let parameter = json!({ "Name": "/films/anyone", "Value": "read:movies,read:messages", "Type": "SecureString" });
    aws.call("ssm", "PutParameter", &parameter.to_string());
    let settings = [
        ("DATABASE__URL", "secret:aws-sm:films#url"),
        ("IDENTITY__SESSION_HOURS", "secret:aws-sm:films#hours"),
        ("ACCESS__ANYONE", "secret:aws-ssm:/films/anyone"),
    ];
    assert!(
        stdout(&with(&aws, folder.path(), &["check"], &settings).output().unwrap()).contains("canary-of-a-secret.db")
    );
    let server = Server::start_as(&mut with(&aws, folder.path(), &["--port", "0"], &settings));
    assert_eq!(ureq::get(format!("{}/movies", server.url())).call().unwrap().status(), 200);
    let shown = stdout(&with(&aws, folder.path(), &["config"], &settings).output().unwrap());
    let origin = "secret:aws-sm:films#url (LOREM_IPSUM_DATABASE__URL)";
    assert!(shown.contains(origin) && !shown.contains("canary"), "{shown}");
}

#[test]
fn a_secret_that_is_not_there_is_told_with_its_setting_and_nothing_of_what_is() {
    let (mut aws, folder) = (AwsEmulator::start(), TempDir::new().unwrap());
    keep(&aws, "CreateSecret", "films", &json!({ "url": "canary" }));
    let said = |aws: &AwsEmulator, reference: &str| {
        let said = failure(&with(aws, folder.path(), &["check"], &[("DATABASE__URL", reference)]).output().unwrap());
        assert!(said.contains("database.url") && !said.contains("canary"), "{said}");
        assert!(!folder.path().join("data").exists());
        said
    };
    for (reference, why) in [
        ("secret:aws-sm:books#url", "the secret `secret:aws-sm:books#url` cannot be had: there is none of that name"),
        ("secret:aws-sm:films#password", "`secret:aws-sm:films#password` cannot be had: it has no `password`"),
        ("secret:aws-ssm:/films", "`secret:aws-ssm:/films` cannot be had: there is none of that name"),
        ("secret:file:/nonexistent", "`secret:file:/nonexistent` cannot be had: No such file"),
        ("secret:vault:canary", "a secret kept elsewhere is `secret:file:/path`"),
    ] {
        let said = said(&aws, reference);
        assert!(said.contains(why), "{said}");
    }
    let port = said(&aws, "secret:aws-sm:films#url");
    assert!(port.contains("is not known here"), "{port}");
    aws.kill();
    let unreachable = said(&aws, "secret:aws-sm:films#url");
    assert!(unreachable.contains("cannot be had"), "{unreachable}");
}

/// As on a developer's machine: no keys among the variables, but the name of a profile, for which another program is asked.
#[test]
fn whoever_develops_is_whom_aws_profile_names() {
    let (aws, folder) = (AwsEmulator::start(), TempDir::new().unwrap());
    keep(&aws, "CreateSecret", "films", &json!({ "url": "sqlite:./kept-at-aws.db" }));
    let (profiles, keys) = (folder.path().join("profiles"), folder.path().join("keys"));
    fs::write(&keys, json!({ "Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test" }).to_string()).unwrap();
    let ann = format!("[profile ann]\nregion = eu-central-1\ncredential_process = cat {}\n", keys.display());
    fs::write(&profiles, ann + "[profile bob]\nregion = eu-central-1\n").unwrap();
    let asked_as = |profile: &str| {
        let settings = [("DATABASE__URL", "secret:aws-sm:films#url")];
        let mut command = with(&aws, folder.path(), &["check"], &settings);
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        command.env("AWS_PROFILE", profile).env("AWS_CONFIG_FILE", &profiles);
        command.env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none")).output().unwrap()
    };
    assert!(stdout(&asked_as("ann")).contains("kept-at-aws.db"));
    let refused = failure(&asked_as("bob"));
    assert!(refused.contains("`secret:aws-sm:films#url` cannot be had"), "{refused}");
}

/// A token of an issuer that shares that secret with the app.
fn token(secret: &str) -> String {
    let claims = json!({ "iss": "old", "aud": "api", "sub": "ann", "client_id": "films", "exp": 4_000_000_000_u64 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[test]
fn a_signing_key_that_is_rotated_is_taken_over_without_a_restart_and_kept_when_it_cannot_be_had() {
    const OLD: &str = "q7Tf2mXv9LkWc4RzB8nYp1Hd6Js3Ga5E";
    const NEW: &str = "Z1xCvB3nMa5SdFg7HjKl9QwErTy2UiOp";
    let (mut aws, folder) = (AwsEmulator::start(), TempDir::new().unwrap());
    keep(&aws, "CreateSecret", "sso", &json!({ "signing_key": OLD }));
    let settings = [
        ("IDENTITY__ISSUERS__OLD__PRESET", "secret"),
        ("IDENTITY__ISSUERS__OLD__ISSUER", "old"),
        ("IDENTITY__ISSUERS__OLD__AUDIENCE", "api"),
        ("IDENTITY__ISSUERS__OLD__SECRET", "secret:aws-sm:sso#signing_key"),
        ("SECRETS__REFRESH_SECONDS", "1"),
    ];
    let log = folder.path().join("log");
    let mut start = with(&aws, folder.path(), &["--port", "0"], &settings);
    let server = Server::start_as(start.stderr(File::create(&log).unwrap()));
    let is_known = |secret: &str| {
        let me =
            ureq::get(format!("{}/api/me", server.url())).header("authorization", format!("Bearer {}", token(secret)));
        me.call().is_ok()
    };
    assert!(is_known(OLD) && !is_known(NEW));
    keep(&aws, "PutSecretValue", "sso", &json!({ "signing_key": "too short" }));
    until("the new key is refused", || read_to_string(&log).unwrap().contains("one that will not do"));
    assert!(is_known(OLD));
    keep(&aws, "PutSecretValue", "sso", &json!({ "signing_key": NEW }));
    until("the new key is known", || is_known(NEW));
    assert!(!is_known(OLD), "who has the old key makes no more tokens");
    aws.kill();
    until("the log tells", || read_to_string(&log).unwrap().contains("its last value stays"));
    assert!(is_known(NEW));
    let log = read_to_string(&log).unwrap();
    assert!(log.contains("identity.issuers.old.secret") && log.contains("secret:aws-sm:sso#signing_key"), "{log}");
    assert!([OLD, NEW, "too short"].iter().all(|secret| !log.contains(secret)), "{log}");
}
