//! What is written for Kubernetes, as the real `kubectl` puts it together and the schemas of Kubernetes know it.

use super::Stage;
use crate::{process::stdout, servers::Kubernetes};
use serde_json::Value;

#[test]
fn what_is_applied_is_whole_and_fits_the_schemas() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    let image = ["--image", "registry.test/library:7"];
    stdout(stage.deploy(&[&["apply", "--target", "eks", "--env", "prod", "--yes"], &image[..]].concat()));
    let manifests = Kubernetes::validated(&stage.made.folder.join("infra/kubernetes/overlays/prod"));
    let manifests: Vec<Value> = serde_json::from_str(&manifests).unwrap();
    let one =
        |kind: &str| manifests.iter().find(|manifest| manifest["kind"] == kind).unwrap_or_else(|| panic!("{kind}"));
    for kind in ["Deployment", "Job"] {
        assert_eq!(
            one(kind)["spec"]["template"]["spec"]["containers"][0]["image"],
            "registry.test/library:7",
            "{kind}"
        );
        assert_eq!(one(kind)["metadata"]["namespace"], "library", "{kind}");
    }
    let settings =
        manifests.iter().find(|it| it["kind"] == "ConfigMap" && it["data"]["LIBRARY_ENV"] == "prod").unwrap();
    assert_eq!(settings["data"]["LIBRARY_KEY"], "secret:aws-sm:library/prod/key", "a reference, and no value");
    assert_eq!(settings["data"]["LIBRARY_SERVER__HOST"], "0.0.0.0", "beside what Terraform said");
    let tokens = one("SecurityPolicy")["spec"]["jwt"]["providers"][0].clone();
    assert_eq!(tokens["issuer"], "https://okta.invalid/oauth2/default");
    assert_eq!(tokens["audiences"], serde_json::json!(["api://default"]));
}
