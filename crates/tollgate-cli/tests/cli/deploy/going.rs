//! What `deploy` takes away, and whom it asks before.

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
