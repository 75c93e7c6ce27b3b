//! What is written for Kubernetes, as the real `kubectl` puts it together and the schemas of Kubernetes know it.

use super::Stage;
use crate::{
    process::{failure, stdout},
    servers::Kubernetes,
};
use serde_json::{Value, json};
use std::fs;

#[test]
fn what_is_applied_is_whole_and_fits_the_schemas() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    let manifests = released(&stage);
    let one = |kind: &str| one(&manifests, kind);
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
    assert_eq!(tokens["audiences"], json!(["api://default"]));
    assert_eq!(port(&manifests), 8000);
}

/// What is applied, of a release that was put together.
fn released(stage: &Stage) -> Vec<Value> {
    let image = ["--image", "registry.test/library:7"];
    stdout(stage.deploy(&[&["apply", "--target", "eks", "--env", "prod", "--yes"], &image[..]].concat()));
    let manifests = Kubernetes::validated(&stage.made.folder.join("infra/kubernetes/overlays/prod"));
    serde_json::from_str(&manifests).unwrap()
}

#[test]
fn a_setting_reaches_the_cluster_as_it_is_or_not_at_all() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    let says =
        |value: &str| stage.outputs_with(&[("settings", &json!({ "LIBRARY_ENV": "prod", "LIBRARY_SAYS": value }))]);
    let value = r#""$HOME" `id` $(id) 'x' \n #no; a=b & | > * ü "#;
    says(value);
    let manifests = released(&stage);
    let settings = manifests.iter().find(|it| it["data"]["LIBRARY_ENV"] == "prod").unwrap();
    assert_eq!(settings["data"]["LIBRARY_SAYS"], value);
    says("first\nLIBRARY_ENV=dev");
    let (said, _) = failure(stage.deploy(&["apply", "--target", "eks", "--env", "prod", "--yes", "--image", "a/b:1"]));
    assert!(said.contains("LIBRARY_SAYS has several lines"), "{said}");
}

fn one<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    manifests.iter().find(|manifest| manifest["kind"] == kind).unwrap_or_else(|| panic!("{kind}"))
}

fn port(manifests: &[Value]) -> &Value {
    &one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
}

fn issuer(name: &str, audiences: &[&str]) -> Value {
    json!({ "name": name, "issuer": format!("https://{name}.invalid/"), "audiences": audiences })
}

#[test]
fn a_gateway_lets_through_the_tokens_of_every_issuer_and_probes_ask_where_the_app_listens() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    let mut described = super::description();
    described["issuers"] = json!([issuer("okta", &["api", "old-api"]), issuer("auth0", &["api"])]);
    fs::write(stage.path("description"), described.to_string()).unwrap();
    stage.init("eks");
    let mut outputs: Value = serde_json::from_slice(&fs::read(stage.path("outputs")).unwrap()).unwrap();
    outputs["settings"]["value"]["LIBRARY_SERVER__PORT"] = "8080".into();
    fs::write(stage.path("outputs"), outputs.to_string()).unwrap();
    let manifests = released(&stage);
    let providers = one(&manifests, "SecurityPolicy")["spec"]["jwt"]["providers"].as_array().unwrap();
    let told: Vec<_> = providers.iter().map(|it| (&it["issuer"], &it["audiences"])).collect();
    assert_eq!(
        told,
        [
            (&json!("https://okta.invalid/"), &json!(["api", "old-api"])),
            (&json!("https://auth0.invalid/"), &json!(["api"]))
        ]
    );
    assert_eq!(port(&manifests), 8080);
}

#[test]
fn an_app_that_is_its_own_issuer_is_trusted_by_its_gateway() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    let mut described = super::description();
    described["settings"]["identity.embedded"] = json!({ "value": true, "origin": "config/default.toml" });
    described["settings"]["server.public_url"] = json!({ "value": "https://api.test/", "origin": "config/prod.toml" });
    let write = |described: &Value| fs::write(stage.path("description"), described.to_string()).unwrap();
    write(&described);
    stage.init("eks");
    let manifests = released(&stage);
    let own = &one(&manifests, "SecurityPolicy")["spec"]["jwt"]["providers"][1];
    assert_eq!((&own["issuer"], &own["audiences"]), (&json!("https://api.test"), &json!(["https://api.test"])));
    assert_eq!(own["remoteJWKS"]["uri"], "https://api.test/oauth/jwks");
    described["issuers"] = json!([]);
    write(&described);
    let gateway = "infra/kubernetes/overlays/prod/settings/gateway.env";
    fs::remove_file(stage.made.folder.join(gateway)).unwrap();
    fs::remove_file(stage.made.folder.join("infra/tollgate.json")).unwrap();
    stage.init("eks");
    let told = stage.made.read(gateway);
    assert!(told.contains("\nISSUER=https://api.test\n") && told.contains("\nJWKS_PATH=oauth/jwks\n"), "{told}");
}

#[test]
fn nothing_is_made_for_a_host_that_nobody_named() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stdout(stage.deploy(&["init", "--target", "eks", "--env", "prod"]));
    fs::remove_file(stage.path("calls")).unwrap();
    let apply = ["apply", "--target", "eks", "--env", "prod", "--yes", "--image", "a/b:1"];
    let (said, _) = failure(stage.deploy(&apply));
    assert!(said.contains("still to be filled in, in infra/kubernetes/overlays/prod/settings/settings.env"), "{said}");
    assert_eq!(stage.calls(), Vec::<String>::new());
    stage.fill_in();
    stdout(stage.deploy(&apply));
}

#[test]
fn what_is_written_for_one_environment_leaves_the_others_as_they_were() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    let of_prod = || {
        let files = stage.made.files().into_iter();
        let rendered = Kubernetes::render(&stage.made.folder.join("infra/kubernetes/overlays/prod"));
        (files.filter(|(path, _)| path.contains("overlays/prod")).collect::<Vec<_>>(), rendered)
    };
    released(&stage);
    let before = of_prod();
    let mut described = super::description();
    described["issuers"] = json!([issuer("staging", &["api"])]);
    described["settings"]["server.public_url"] =
        json!({ "value": "https://stage.test", "origin": "config/stage.toml" });
    fs::write(stage.path("description"), described.to_string()).unwrap();
    stdout(stage.deploy(&["init", "--target", "eks", "--env", "stage"]));
    assert!(stage.made.read("infra/kubernetes/overlays/stage/settings/gateway.env").contains("API_HOST=stage.test\n"));
    assert_eq!(of_prod(), before);
}

#[test]
fn a_cluster_without_gateway_or_certificate_is_told_before_the_release() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    for (fails, remedy) in [
        ("get gatewayclass", "helm install eg oci://docker.io/envoyproxy/gateway-helm"),
        ("get secret tls", "create secret tls tls"),
    ] {
        let mut apply = stage.deploy(&["apply", "--target", "eks", "--env", "prod", "--yes", "--image", "a/b:1"]);
        apply.env("FAILS", fails);
        let (said, _) = failure(apply);
        assert!(said.contains(remedy), "{said}");
        assert!(!stage.calls().iter().any(|call| call.contains("apply --kustomize")), "{:#?}", stage.calls());
    }
}
