//! `tollgate deploy`, with tools that only write down how they are called.

mod going;
mod kubernetes;
mod values;
mod written;

use crate::process::{Made, failure, repository, stdout};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

const SECRET: &str = "correct horse battery staple";
const NAME: &str = "library/prod/identity-issuers-okta-client-secret";

/// An app, and the tools around it.
struct Stage {
    made: Made,
    tools: TempDir,
}

impl Stage {
    fn new(tools: &[&str]) -> Self {
        let stage = Self {
            made: Made::new("library", &["--identity", "okta", "--deploy", "ecs"]),
            tools: TempDir::new().unwrap(),
        };
        let bin = stage.path("bin");
        fs::create_dir(&bin).unwrap();
        let script = stage.path("fake.sh");
        fs::write(&script, include_str!("fake.sh")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        for tool in tools.iter().chain(&["cargo"]) {
            symlink(&script, bin.join(tool)).unwrap();
        }
        for theirs in ["cat", "basename"] {
            let is_there = |folder: &&str| std::path::Path::new(folder).join(theirs).exists();
            let folder = ["/usr/bin", "/bin"].into_iter().find(is_there).unwrap();
            symlink(format!("{folder}/{theirs}"), bin.join(theirs)).unwrap();
        }
        fs::write(stage.path("description"), description().to_string()).unwrap();
        stage.outputs(&json!([]));
        stage.planned(&[]);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tools.path().join(name)
    }

    fn outputs(&self, secrets: &Value) {
        self.outputs_with(&[("secret_names", secrets)]);
    }

    fn outputs_with(&self, more: &[(&str, &Value)]) {
        let mut outputs = json!({
            "url": { "value": "" }, "cluster_name": { "value": "library-prod" }, "namespace": { "value": "library" },
            "settings": { "value": { "LIBRARY_ENV": "prod", "LIBRARY_KEY": "secret:aws-sm:library/prod/key" } },
        });
        for (name, value) in more {
            outputs[*name] = json!({ "value": value });
        }
        fs::write(self.path("outputs"), outputs.to_string()).unwrap();
    }

    /// What a plan does, and to what.
    fn planned(&self, changes: &[(&str, &str)]) {
        let change = |(action, what): &(&str, &str)| json!({ "address": what, "change": { "actions": [action] } });
        let plan = json!({ "resource_changes": changes.iter().map(change).collect::<Vec<_>>() });
        fs::write(self.path("planned"), plan.to_string()).unwrap();
    }

    fn deploy(&self, arguments: &[&str]) -> Command {
        let mut command = self.made.tollgate(&[&["deploy"], arguments].concat());
        let cargo = self.path("bin/cargo");
        command.env("CALLS", self.path("calls")).env("PUT", self.path("put")).env("OUTPUTS", self.path("outputs"));
        command.env("DESCRIPTION", self.path("description")).env("REAL_CARGO", env!("CARGO")).env("CARGO", cargo);
        command.env("PLANNED", self.path("planned"));
        // No other tools than those that stand in, whatever this machine has.
        command.env("PATH", self.path("bin")).env_remove("AWS_REGION");
        command
    }

    fn init(&self, target: &str) {
        stdout(self.deploy(&["init", "--target", target, "--env", "prod"]));
        fs::remove_file(self.path("calls")).unwrap();
        if target == "eks" {
            self.fill_in();
        }
    }

    /// What `init` could not know, as the guide has it filled in.
    fn fill_in(&self) {
        for (path, text) in self.made.files() {
            if path.contains("overlays/prod/") && text.contains("FILL-THIS-IN") {
                self.made.write(&path, &text.replace("FILL-THIS-IN.example.com", "filled-in.test"));
            }
        }
    }

    /// Types a value.
    fn give(&self, name: &str) {
        let mut set = self.deploy(&["secrets", "set", name, "--target", "ecs", "--env", "prod"]);
        let mut set = set.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        writeln!(set.stdin.take().unwrap(), "{SECRET}").unwrap();
        assert!(set.wait().unwrap().success());
    }

    /// How tools were called since, in order; without questions that change nothing.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let questions = [
            "cargo ",
            "aws sts",
            "describe-secret",
            "describe-parameters",
            " output ",
            " show ",
            "docker version",
            "buildx version",
            "podman info",
        ];
        let is_deed = |line: &&str| !questions.iter().any(|question| line.contains(question));
        calls.lines().filter(is_deed).map(str::to_owned).collect()
    }
}

fn description() -> Value {
    json!({
        "name": "library", "version": "0.1.0", "prefix": "LIBRARY",
        "issuers": [{ "name": "okta", "issuer": "https://okta.invalid/oauth2/default", "audiences": ["api://default"] }],
        "settings": {
            "server.port": { "value": 8000, "origin": "default" },
            "identity.issuers.okta.client_id": { "value": "0oa", "origin": "config/default.toml" },
            "identity.issuers.okta.client_secret": { "value": null, "origin": "default" },
        },
    })
}

/// The words of each call that tell one from another.
fn starts(calls: &[String], starts: &[&str]) {
    let are: Vec<&str> = calls.iter().map(String::as_str).collect();
    assert_eq!(are.len(), starts.len(), "{are:#?}");
    for (call, start) in are.iter().zip(starts) {
        assert!(call.starts_with(start), "`{call}` is not `{start}`: {are:#?}");
    }
}

#[test]
fn the_composition_is_the_users_and_an_edit_is_never_written_over() {
    let stage = Stage::new(&[]);
    stage.init("ecs");
    let told: Value = serde_json::from_str(&stage.made.read("infra/terraform/targets/ecs/prod.tfvars.json")).unwrap();
    assert_eq!(
        told["issuers"],
        json!([{ "issuer": "https://okta.invalid/oauth2/default", "audiences": ["api://default"] }])
    );
    assert_eq!(told["secrets"], json!({ "LIBRARY_IDENTITY__ISSUERS__OKTA__CLIENT_SECRET": NAME }));
    for name in ["main.tf", "variables.tf", "outputs.tf"] {
        let ours = fs::read_to_string(repository().join("infra/terraform/examples/ecs").join(name)).unwrap();
        assert_eq!(stage.made.read(&format!("infra/terraform/targets/ecs/{name}")), ours);
    }
    let again = || {
        let output = stage.deploy(&["init", "--target", "ecs", "--env", "prod"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    for (file, mine) in [("main.tf", "# mine"), ("prod.tfvars.json", r#"{ "region": "eu-central-1", "redis": false }"#)]
    {
        stage.made.write(&format!("infra/terraform/targets/ecs/{file}"), mine);
        let said = again();
        assert!(said.contains(&format!("{file} was edited, and is left alone\n")), "{said}");
        assert_eq!(stage.made.read(&format!("infra/terraform/targets/ecs/{file}")), mine);
    }
    assert!(stage.made.files().iter().all(|(path, _)| !path.contains(".new")), "there is nothing newer");
    let mut described = description();
    described["settings"]["server.port"]["value"] = 8080.into();
    fs::write(stage.path("description"), described.to_string()).unwrap();
    let said = again();
    assert!(said.contains("prod.tfvars.json was edited, and is left alone; the newer one is "), "{said}");
    assert!(stage.made.read("infra/terraform/targets/ecs/prod.tfvars.json").contains("redis"));
    assert!(stage.made.read("infra/terraform/targets/ecs/prod.tfvars.json.new").contains("8080"));
    assert_eq!(stage.made.read("infra/terraform/targets/ecs/main.tf"), "# mine");
}

#[test]
fn the_registry_comes_first_then_the_image_then_the_rest() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    stdout(stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--yes"]));
    let terraform = "terraform -chdir=infra/terraform/targets/ecs";
    starts(
        &stage.calls(),
        &[
            &format!("{terraform} init"),
            &format!("{terraform} workspace select -or-create prod"),
            &format!("{terraform} plan -refresh=false -lock=false -var-file=prod.tfvars.json"),
            &format!("{terraform} plan -var-file=prod.tfvars.json -out=tollgate.tfplan -target=module.registry"),
            &format!("{terraform} apply tollgate.tfplan"),
            "docker build --platform linux/amd64 --tag registry.test/library-prod:",
            "aws ecr get-login-password",
            "docker login --username AWS --password-stdin registry.test",
            "docker push registry.test/library-prod:",
            &format!("{terraform} plan -var-file=prod.tfvars.json -var image=registry.test/library-prod:"),
            &format!("{terraform} apply tollgate.tfplan"),
            "aws ecs update-service",
            "aws ecs wait services-stable",
        ],
    );
    assert!(!fs::read_to_string(stage.path("calls")).unwrap().contains("password-of-the-registry"));
}

#[test]
fn a_dry_run_prints_each_command_and_runs_none() {
    let stage = Stage::new(&[]);
    stage.init("ecs");
    let variables = "infra/terraform/targets/ecs/prod.tfvars.json";
    stage.made.write(variables, &stage.made.read(variables).replacen('{', "{ \"redis\": true,", 1));
    stage.init("ecs");
    let printed = stdout(stage.deploy(&["apply", "--target", "ecs", "--env", "prod", "--dry-run"]));
    let order = [
        "terraform",
        "-target=module.registry",
        "REPOSITORY=$(",
        "docker build",
        "--password-stdin",
        "docker push",
        "-out=",
        "apply tollgate.tfplan",
        "rds-data execute-statement",
        "elasticache modify-user",
    ];
    let mut rest = &*printed;
    for words in order {
        (_, rest) = rest.split_once(words).unwrap_or_else(|| panic!("{words}: {printed}"));
    }
    assert_eq!(stage.calls(), Vec::<String>::new());
}

#[test]
fn a_missing_tool_and_a_failed_step_say_how_to_go_on() {
    let stage = Stage::new(&["aws", "podman"]);
    stage.init("ecs");
    let apply = ["apply", "--target", "ecs", "--env", "prod", "--yes"];
    let (said, code) = failure(stage.deploy(&apply));
    assert!(said.contains("terraform is missing: https://"), "{said}");
    assert_eq!(code, Some(1));
    symlink(stage.path("fake.sh"), stage.path("bin/terraform")).unwrap();
    let failing = |what: &str| {
        let mut command = stage.deploy(&apply);
        command.env("FAILS", what);
        failure(command).0
    };
    let said = failing("sts");
    assert!(
        said.contains("AWS does not know who you are: as it was told to") && said.contains("aws sso login"),
        "{said}"
    );
    let said = failing("podman push");
    let done = "done so far: initialise Terraform, select the environment, check the variables, plan the registry and the secrets, make the registry and the secrets, build the image, sign in to the registry";
    assert!(said.contains("push the image: podman failed") && said.contains(done), "{said}");
    assert!(said.contains("go on with: tollgate deploy apply --target ecs --env prod\n"), "{said}");
    fs::remove_file(stage.path("calls")).unwrap();
    let said = failing("plan -refresh=false");
    assert!(!stage.calls().iter().any(|call| call.contains("podman build")), "before an image is built: {said}");
    let said = failing("wait services-stable");
    assert!(said.contains("aws logs tail /ecs/library-prod"), "{said}");
    assert!(said.contains("--env prod --image registry.test/library-prod:"), "another image is not needed: {said}");
    let said = failure(stage.deploy(&["secrets", "set", NAME, "--target", "ecs", "--env", "prod"])).0;
    assert!(said.contains("there is no value"), "{said}");
}

#[test]
fn a_builder_that_cannot_build_is_not_taken_and_nothing_is_made_without_one() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    let apply = |fails: &str, more: &[&str]| {
        let mut apply = stage.deploy(&[&["apply", "--target", "ecs", "--env", "prod", "--yes"], more].concat());
        apply.env("FAILS", fails);
        apply
    };
    for (fails, why) in [
        ("docker version", "docker's daemon does not answer: as it was told to"),
        ("docker buildx", "docker has no buildx (https://docs.docker.com/go/buildx/): as it was told to"),
    ] {
        let (said, _) = failure(apply(fails, &[]));
        assert!(said.contains(why) && said.contains("pushed already with --image"), "{said}");
    }
    assert!(failure(apply("", &["--builder", "podman"])).0.contains("podman is not there"));
    assert_eq!(stage.calls(), Vec::<String>::new());
    symlink(stage.path("fake.sh"), stage.path("bin/podman")).unwrap();
    stdout(apply("docker version", &[]));
    assert!(stage.calls().iter().any(|call| call.starts_with("podman build ")), "{:#?}", stage.calls());
}

#[test]
fn a_plan_that_nobody_agreed_to_is_gone() {
    let stage = Stage::new(&["terraform", "aws", "docker"]);
    stage.init("ecs");
    let (said, _) = failure(stage.deploy(&["apply", "--target", "ecs", "--env", "prod"]));
    assert!(said.contains("nobody is there to confirm"), "{said}");
    assert!(stage.calls().iter().any(|call| call.contains("-out=tollgate.tfplan")), "{:#?}", stage.calls());
    assert!(!stage.made.folder.join("infra/terraform/targets/ecs/tollgate.tfplan").exists());
}

#[test]
fn nobody_is_told_that_an_app_is_there_before_it_says_so() {
    let stage = Stage::new(&["terraform", "aws", "docker", "curl"]);
    stage.init("lambda");
    let apply = |url: &str, ready: &str, fails: &str| {
        let mut apply = stage.deploy(&["apply", "--target", "lambda", "--env", "prod", "--yes"]);
        apply.env("URL", url).env("READY", ready).env("FAILS", fails);
        apply
    };
    stdout(apply("https://library.test", "200", ""));
    assert!(stage.calls().last().unwrap().contains("https://library.test/readyz"), "{:#?}", stage.calls());
    let (said, _) = failure(apply("https://library.test", "503", ""));
    assert!(said.contains("/readyz answers 503") && said.contains("aws logs tail /aws/lambda/library-prod"), "{said}");
    let (said, _) = failure(apply("https://library.test", "200", "curl"));
    assert!(said.contains("nobody answers at https://library.test"), "{said}");
}

#[test]
fn on_kubernetes_the_release_follows_the_cluster_and_the_migration_is_waited_for() {
    let stage = Stage::new(&["terraform", "aws", "kubectl"]);
    stage.init("eks");
    stdout(stage.deploy(&[
        "apply",
        "--target",
        "eks",
        "--env",
        "prod",
        "--yes",
        "--image",
        "registry.test/library@sha256:ab",
    ]));
    let calls = stage.calls();
    let at = |words: &str| {
        calls.iter().position(|call| call.contains(words)).unwrap_or_else(|| panic!("{words}: {calls:#?}"))
    };
    let order = [
        "apply tollgate.tfplan",
        "update-kubeconfig",
        "delete job migrate",
        "apply --kustomize",
        "wait --for=condition=complete",
        "rollout status",
    ];
    assert!(order.map(at).is_sorted(), "{calls:#?}");
    let release = stage.made.read("infra/kubernetes/overlays/prod/release/kustomization.yaml");
    assert!(release.contains("newName: \"registry.test/library\"\n    digest: \"sha256:ab\""), "{release}");
    assert!(stage.made.read("infra/kubernetes/overlays/prod/release/settings.env").contains("LIBRARY_ENV=prod\n"));
    assert!(!calls.iter().any(|call| call.contains("docker")));
}

#[test]
fn the_environment_of_developers_is_not_deployed() {
    let stage = Stage::new(&[]);
    for env in ["dev", "Prod", "p", "../x"] {
        failure(stage.deploy(&["init", "--target", "ecs", "--env", env]));
    }
    assert!(!stage.made.folder.join("infra").exists());
}

#[test]
fn status_tells_what_is_there_for_people_and_programs() {
    let stage = Stage::new(&["terraform", "aws"]);
    stage.init("lambda");
    stage.outputs(&json!([NAME]));
    let status = ["status", "--target", "lambda", "--env", "prod"];
    let found: Value = serde_json::from_str(&stdout(stage.deploy(&[&status[..], &["--json"]].concat()))).unwrap();
    assert_eq!((&found["resources"], &found["secrets_without_value"]), (&json!(2), &json!([NAME])));
    assert!(stdout(stage.deploy(&status)).contains(&format!("tollgate deploy secrets set {NAME}")));
}
