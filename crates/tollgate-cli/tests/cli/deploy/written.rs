//! What `deploy init` writes beside the compositions: features, the place of the state, the Dockerfile.

use super::Stage;
use crate::process::{failure, stdout};
use serde_json::Value;
use std::fs;

#[test]
fn the_features_that_a_deployment_takes_are_asked_for_and_an_image_without_them_is_not_built() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    let asked =
        || stage.made.read("Cargo.toml").lines().find(|line| line.starts_with("tollgate =")).unwrap().to_owned();
    assert!(asked().contains(r#"features = ["aws"]"#), "{}", asked());
    stage.init("lambda");
    assert!(asked().contains(r#"features = ["aws", "lambda"]"#), "{}", asked());

    let variables = "infra/terraform/targets/lambda/prod.tfvars.json";
    stage.made.write(variables, &stage.made.read(variables).replacen('{', "{ \"redis\": true,", 1));
    let apply = ["apply", "--target", "lambda", "--env", "prod", "--yes"];
    let (said, _) = failure(stage.deploy(&apply));
    assert!(said.contains(r#"features = ["aws", "lambda", "redis"]"#), "{said}");
    assert!(said.contains("tollgate deploy init --target lambda --env prod"), "{said}");
    assert_eq!(stage.calls(), Vec::<String>::new());
    stage.init("lambda");
    assert!(asked().contains(r#"features = ["aws", "lambda", "redis"]"#), "{}", asked());
    stdout(stage.deploy(&apply));
}

#[test]
fn the_bucket_that_is_made_is_the_one_where_the_state_is_kept() {
    let stage = Stage::new(&[]);
    stdout(stage.deploy(&["init", "--target", "ecs", "--env", "prod", "--state-bucket", "my-states-123456789012"]));
    let made: Value =
        serde_json::from_str(&stage.made.read("infra/terraform/targets/state/terraform.tfvars.json")).unwrap();
    assert_eq!(made["bucket"], "my-states-123456789012");
    let variables = stage.made.read("infra/terraform/targets/state/variables.tf");
    let declared: Vec<_> = variables.lines().filter_map(|line| line.strip_prefix("variable \"")).collect();
    for name in made.as_object().unwrap().keys() {
        assert!(declared.iter().any(|line| line.starts_with(&format!("{name}\""))), "{name}: {declared:?}");
    }
    let kept = stage.made.read("infra/terraform/targets/ecs/backend.tf");
    assert!(kept.contains(r#"bucket       = "my-states-123456789012""#), "{kept}");
    assert!(kept.contains("use_lockfile = true") && kept.contains("encrypt      = true"), "{kept}");
    assert!(stage.made.read("infra/terraform/targets/state/.gitignore").contains("*.tfstate\n"));
}

#[test]
fn a_dockerfile_that_was_written_here_is_renewed_like_the_rest() {
    let stage = Stage::new(&[]);
    let init = || stdout(stage.deploy(&["init", "--target", "ecs", "--env", "prod"]));
    stage.made.write("Dockerfile", "FROM mine");
    init();
    assert!(!stage.made.folder.join("Dockerfile.new").exists(), "that of the app is its own");
    fs::remove_file(stage.made.folder.join("Dockerfile")).unwrap();
    init();
    assert!(stage.made.read("Dockerfile").contains("LIBRARY_ENV=prod"));
    stage.made.write("Dockerfile", "FROM mine");
    let mut described = super::description();
    described["prefix"] = "BOOKS".into();
    fs::write(stage.path("description"), described.to_string()).unwrap();
    init();
    assert_eq!(stage.made.read("Dockerfile"), "FROM mine");
    assert!(stage.made.read("Dockerfile.new").contains("BOOKS_ENV=prod"));
}
