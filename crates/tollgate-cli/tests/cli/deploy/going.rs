//! What `deploy` takes away, whom it asks before, and how it ends and goes on.

use super::Stage;
use crate::process::{failure, stdout};

#[test]
fn nothing_is_destroyed_without_being_asked() {
    let stage = Stage::new(&["terraform", "aws"]);
    stage.init("ecs");
    let (said, _) = failure(stage.deploy(&["destroy", "--target", "ecs", "--env", "prod"]));
    assert!(said.contains("nobody is there to confirm"), "{said}");
    assert_eq!(stage.calls(), Vec::<String>::new());
    stdout(stage.deploy(&["destroy", "--target", "ecs", "--env", "prod", "--yes"]));
    let calls = stage.calls();
    let lifted = calls.iter().find(|call| call.contains(" apply ")).unwrap();
    assert!(
        lifted.contains("protected=false")
            && lifted.contains("-target=module.registry.aws_ecr_repository.this")
            && lifted.contains("-target=module.secrets.aws_secretsmanager_secret.this[0]"),
        "{lifted}"
    );
    assert!(
        calls.last().unwrap().contains(" destroy ") && calls.last().unwrap().contains("protected=false"),
        "{calls:#?}"
    );
}

#[test]
fn a_secret_that_is_named_no_more_goes_only_if_somebody_says_so() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    let secret = |name: &str| format!("module.secrets.aws_secretsmanager_secret.this[\"{name}\"]");
    let (old, new) = (secret("library/prod/old"), secret("library/prod/new"));
    stage.planned(&[("create", &new), ("no-op", "module.registry.aws_ecr_repository.this"), ("delete", &old)]);
    let apply = ["apply", "--target", "ecs", "--env", "prod"];
    let (said, _) = failure(stage.deploy(&apply));
    assert!(said.contains(&old) && !said.contains(&new) && said.contains("say --yes to take that away"), "{said}");
    assert!(!stage.calls().iter().any(|call| call.contains(" apply ")), "{:#?}", stage.calls());
    assert!(!stage.made.folder.join("infra/terraform/targets/ecs/tollgate.tfplan").exists());
    stdout(stage.deploy(&[&apply[..], &["--yes"]].concat()));
}

#[test]
fn a_balancer_that_the_cluster_made_is_gone_before_its_network_is_destroyed() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    stdout(stage.deploy(&["destroy", "--target", "eks", "--env", "prod", "--yes"]));
    let calls = stage.calls();
    let order = ["delete namespace library", "wait --for=delete service", " destroy "];
    let places = order.map(|words| calls.iter().position(|call| call.contains(words)));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{calls:#?}");
    let waited = &calls[places[1].unwrap_or_default()];
    assert!(waited.contains("--selector gateway.envoyproxy.io/owning-gateway-namespace=library"), "{waited}");
}

#[test]
fn who_interrupts_a_step_is_told_how_to_go_on_and_no_plan_is_left() {
    let stage = Stage::new(&["terraform", "aws", "podman"]);
    stage.init("ecs");
    for (step, done, again) in [
        ("apply tollgate.tfplan", "plan the registry and the secrets\n", "--builder podman\n"),
        ("podman build", "make the registry and the secrets\n", "--builder podman\n"),
        ("wait services-stable", "now that all is there\n", "--builder podman --image registry.test/library-prod:"),
    ] {
        let mut apply = stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--yes", "--builder", "podman"]);
        apply.env("INTERRUPTED", step);
        let (said, code) = failure(apply);
        assert_eq!(code, Some(1), "it ends by itself, and not by the signal: {said}");
        assert!(said.contains(done), "{said}");
        let again = format!("go on with: tollgate deploy apply --target ecs --env prod {again}");
        assert!(said.contains(&again), "{again}: {said}");
        assert!(!stage.made.folder.join("infra/terraform/targets/ecs/tollgate.tfplan").exists());
    }
    assert!(stage.calls().last().unwrap().contains("wait services-stable"), "{:#?}", stage.calls());
}

#[test]
fn an_image_that_was_named_is_named_to_go_on() {
    let stage = Stage::new(&["terraform", "aws"]);
    stage.init("ecs");
    let image = "registry.test/library:7";
    let apply = |fails: &str| {
        let mut apply = stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--yes", "--image", image]);
        apply.env("FAILS", fails);
        failure(apply).0
    };
    let again = format!("tollgate deploy apply --target ecs --env prod --image {image}\n");
    assert!(apply("workspace select").contains(&format!("go on with: {again}")));
    stage.outputs(&serde_json::json!(["library/prod/key"]));
    assert!(apply("").contains(&format!("then: {again}")));
}

#[test]
fn status_looks_at_what_another_machine_applied_and_says_what_was_applied_nowhere() {
    let stage = Stage::new(&["terraform", "aws"]);
    stage.init("ecs");
    let status = || stage.deploy(&["status", "--target", "ecs", "--env", "prod", "--json"]);
    assert!(stdout(status()).contains("\"resources\": 2"));
    assert!(stage.calls()[0].starts_with("terraform -chdir=infra/terraform/targets/ecs init"), "{:#?}", stage.calls());
    let mut nowhere = status();
    nowhere.env("FAILS", "workspace select");
    let said = failure(nowhere).0;
    assert_eq!(said.trim(), "error: nothing was applied yet: tollgate deploy plan --target ecs --env prod");
}
