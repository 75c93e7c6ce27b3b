//! Values that go to AWS and nowhere else: of secrets, of parameters, of the cache's user.

use super::{NAME, SECRET, Stage};
use crate::process::{failure, stdout};
use serde_json::{Value, json};
use std::fs;

#[test]
fn secrets_have_values_before_the_app_starts_and_are_in_no_argument_and_no_file() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    stage.outputs(&json!([NAME]));
    let (said, _) = failure(stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--yes"]));
    assert!(said.contains(&format!("tollgate deploy secrets set {NAME} --target ecs --env prod")), "{said}");
    assert!(
        !stage.calls().iter().any(|call| call.contains("docker") || call.contains("-var image=registry.test")),
        "{:#?}",
        stage.calls()
    );

    stage.give(NAME);
    assert_eq!(fs::read_to_string(stage.path("put")).unwrap(), SECRET);
    assert!(!fs::read_to_string(stage.path("calls")).unwrap().contains(SECRET));
    assert!(stage.made.files().iter().all(|(_, text)| !text.contains(SECRET)));
    stdout(stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--yes"]));
}

#[test]
fn a_parameter_is_put_like_a_secret_and_asked_for_as_well() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    let parameter = "/library/prod/domain";
    stage.outputs_with(&[("parameter_names", &json!([parameter]))]);
    let which = ["--target", "ecs", "--env", "prod"];
    let (said, _) = failure(stage.deploy(&[&["apply", "--yes"], &which[..]].concat()));
    assert!(said.contains(&format!("tollgate deploy secrets set {parameter} --target ecs --env prod")), "{said}");
    stage.give(parameter);
    assert_eq!(fs::read_to_string(stage.path("put.parameter")).unwrap(), SECRET);
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    assert!(calls.contains(&format!("put-parameter --name {parameter} --type SecureString")), "{calls}");
    assert!(!calls.contains(SECRET));
    stdout(stage.deploy(&[&["apply", "--yes"], &which[..]].concat()));
    assert!(stdout(stage.deploy(&[&["secrets", "list"], &which[..]].concat())).contains("/library/prod/domain"));
}

#[test]
fn the_user_of_the_cache_gets_a_password_that_nobody_sees_and_keeps_it() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    let cache = json!({ "user_id": "library-prod-app", "address": "rediss://app:PASSWORD@cache.test:6379", "secret": "library/prod/redis" });
    stage.outputs_with(&[("redis", &cache)]);
    let apply = ["apply", "--target", "ecs", "--env", "prod", "--yes"];
    stdout(stage.deploy(&apply));
    let told: Value = serde_json::from_str(&fs::read_to_string(stage.path("put.user")).unwrap()).unwrap();
    let password = told["Passwords"][0].as_str().unwrap();
    assert_eq!(told["Type"], "password");
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    assert!(calls.contains("modify-user --user-id library-prod-app --access-string on ~* "), "{calls}");
    assert!(password.len() >= 32, "{password}");
    let address = fs::read_to_string(stage.path("put")).unwrap();
    assert_eq!(address, format!("rediss://app:{password}@cache.test:6379"));
    assert!(!fs::read_to_string(stage.path("calls")).unwrap().contains(password));
    assert!(stage.made.files().iter().all(|(_, text)| !text.contains(password)));
    stdout(stage.deploy(&apply));
    assert_eq!(fs::read_to_string(stage.path("put")).unwrap(), address, "once");
}
