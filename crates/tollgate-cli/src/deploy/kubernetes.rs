//! Kubernetes, after Terraform made the cluster: the base of this repository, an app's component, an overlay for each
//! environment, and what differs from release to release.

use super::{
    Target, Which,
    gateway::{self, Trusted, tokens, trusted},
    place::Place,
    runner::Runner,
    variables::{aws_name, host},
};
use crate::{Result, app::Description, files::Files, templates::render, tools};
use include_dir::{Dir, include_dir};
use minijinja::context;
use serde_json::Value;
use std::{fs, process::Command};

static KUBERNETES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../infra/kubernetes");

/// What of them belongs to every app.
const SHARED: [&str; 3] = ["base", "cluster", "components"];

/// Stands where the app could not say where it is, or its issuer where its keys are.
pub(super) const UNKNOWN: &str = "FILL-THIS-IN.example.com";

/// The files of an app on Kubernetes.
///
/// # Errors
/// A template is wrong.
pub(super) fn files(which: &Which, described: &Description) -> Result<Vec<(String, Vec<u8>)>> {
    if which.target != Target::Eks {
        return Ok(vec![]);
    }
    let mut files = vec![];
    for shared in SHARED {
        let folder = KUBERNETES
            .get_dir(shared)
            .ok_or_else(|| format!("this command was built without infra/kubernetes/{shared}"))?;
        collect(folder, &mut files);
    }
    let name = aws_name(&described.name);
    let trusted = trusted(described);
    let Trusted { issuer, audience, jwks_host, jwks_path } = &trusted[0];
    let several = trusted.len() > 1;
    let about = context! {
        name => &name, several, issuer, audience, jwks_host, jwks_path,
        env => &which.env,
        prefix => &described.prefix,
        host => host(described).unwrap_or_else(|| UNKNOWN.into()),
    };
    let overlay = format!("overlays/{}", which.env);
    for (path, template) in [
        (format!("{name}/kustomization.yaml"), include_str!("../../templates/kubernetes/app.yaml.j2")),
        (format!("{name}/namespace.yaml"), include_str!("../../templates/kubernetes/namespace.yaml.j2")),
        (format!("{overlay}/kustomization.yaml"), include_str!("../../templates/kubernetes/overlay.yaml.j2")),
        (format!("{overlay}/settings/kustomization.yaml"), include_str!("../../templates/kubernetes/settings.yaml.j2")),
        (format!("{overlay}/settings/settings.env"), include_str!("../../templates/kubernetes/settings.env.j2")),
        (format!("{overlay}/settings/gateway.env"), include_str!("../../templates/kubernetes/gateway.env.j2")),
    ] {
        let text = render(template, &about)?;
        files.push((format!("infra/kubernetes/{path}"), text.into()));
    }
    files.push((format!("infra/kubernetes/{overlay}/.gitignore"), "release/\n".into()));
    if several {
        let tokens = serde_json::to_string_pretty(&tokens(&trusted))? + "\n";
        files.push((format!("infra/kubernetes/{overlay}/tokens.json"), tokens.into()));
    }
    Ok(files)
}

fn collect(folder: &Dir<'_>, files: &mut Vec<(String, Vec<u8>)>) {
    let each =
        folder.files().map(|file| (format!("infra/kubernetes/{}", file.path().display()), file.contents().to_vec()));
    files.extend(each);
    folder.dirs().for_each(|inner| collect(inner, files));
}

/// Refuses what nobody has filled in, before anything is made: a gateway for another host lets nobody through.
///
/// # Errors
/// A file of the overlay still says so.
pub(super) fn check(place: &Place) -> Result {
    let overlay = format!("infra/kubernetes/overlays/{}", place.environment);
    let files =
        ["settings/settings.env", "settings/gateway.env", "tokens.json"].map(|file| format!("{overlay}/{file}"));
    let is_unknown = |path: &&String| fs::read_to_string(place.app.join(path)).is_ok_and(|text| text.contains(UNKNOWN));
    let unknown: Vec<_> = files.iter().filter(is_unknown).map(String::as_str).collect();
    if place.target != Target::Eks || unknown.is_empty() {
        return Ok(());
    }
    Err(format!("{UNKNOWN} is still to be filled in, in {}", unknown.join(", ")).into())
}

/// Brings a release to the cluster: the tables first, then the app.
///
/// # Errors
/// A step failed.
pub(super) fn apply(runner: &mut Runner, place: &Place, image: &str) -> Result {
    let overlay = format!("infra/kubernetes/overlays/{}", place.environment);
    let namespace = connect(runner, place)?;
    gateway::look_for(runner, place, &overlay, &namespace)?;
    if !runner.is_dry() {
        release(place, image)?.write(&place.app.join(&overlay).join("release"))?;
    }
    // A Job cannot be changed; that of the release before has done its work.
    let gone = ["--namespace", &namespace, "delete", "job", "migrate", "--ignore-not-found"];
    runner.step("make room for the migration", &mut kubectl(place, &gone))?;
    runner.step("apply the release", &mut kubectl(place, &["apply", "--kustomize", &overlay]))?;
    let migrated = ["--namespace", &namespace, "wait", "--for=condition=complete", "--timeout=600s", "job/migrate"];
    runner.step("bring the tables up to date", &mut kubectl(place, &migrated))?;
    let rolled = ["--namespace", &namespace, "rollout", "status", "deployment/app", "--timeout=600s"];
    runner.step("wait for the app", &mut kubectl(place, &rolled))
}

/// Takes the app away, and with it the balancers that the cluster made and Terraform does not know.
///
/// # Errors
/// A step failed.
pub(super) fn delete(runner: &mut Runner, place: &Place) -> Result {
    if !runner.is_dry() && place.outputs()?.text("cluster_name").is_none() {
        return Ok(());
    }
    let namespace = connect(runner, place)?;
    let gone = ["delete", "namespace", &namespace, "--ignore-not-found"];
    runner.step("take the app away", &mut kubectl(place, &gone))?;
    // The gateway takes its balancer away when its namespace is gone, and a network does not go while a balancer is in it.
    let of_app = format!("gateway.envoyproxy.io/owning-gateway-namespace={namespace}");
    let wait = ["--namespace", "envoy-gateway-system", "wait", "--for=delete", "service", "--selector", &of_app];
    runner.step("wait for its balancer to go", kubectl(place, &wait).arg("--timeout=300s"))
}

/// Lets kubectl find the cluster, in a file of its own; the namespace of the app.
fn connect(runner: &mut Runner, place: &Place) -> Result<String> {
    let cluster = runner.read(&mut place.terraform(&["output", "-raw", "cluster_name"]), "$CLUSTER")?;
    let namespace = runner.read(&mut place.terraform(&["output", "-raw", "namespace"]), "$NAMESPACE")?;
    let mut update =
        place.aws(&["eks", "update-kubeconfig", "--name", &cluster, "--kubeconfig", &kubeconfig(place)])?;
    runner.step("find the cluster", &mut update)?;
    Ok(namespace)
}

/// Beside the composition, so that no other cluster is meant by accident.
pub(super) fn kubeconfig(place: &Place) -> String {
    place.folder().join(".terraform").join(format!("{}.kubeconfig", place.environment)).display().to_string()
}

pub(super) fn kubectl(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command.args(["--kubeconfig", &kubeconfig(place)]).args(arguments).current_dir(&place.app);
    command
}

/// What the cluster says of the app's instances.
pub(super) fn pods(place: &Place) -> Option<String> {
    let outputs = place.outputs().ok()?;
    let namespace = outputs.text("namespace")?;
    tools::stdout(&mut kubectl(place, &["--namespace", namespace, "get", "pods"])).ok()
}

/// Image and settings of a release. In place of secrets, the settings have references to where they are.
fn release(place: &Place, image: &str) -> Result<Files> {
    let outputs = place.outputs()?;
    let settings = outputs.value("settings").as_object().cloned().unwrap_or_default();
    let texts = || settings.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    if let Some((name, _)) = texts().find(|(_, value)| value.contains('\n')) {
        return Err(format!(
            "{name} has several lines, and kustomize takes one: say it in one, or keep it as a secret"
        )
        .into());
    }
    let lines = texts().map(|(name, value)| format!("{name}={value}\n"));
    let port = settings.iter().find(|(name, _)| name.ends_with("_SERVER__PORT")).and_then(|(_, port)| port.as_str());
    let mut files = Files::default();
    files.add("settings.env", lines.collect::<String>());
    files.add("kustomization.yaml", component(image, port.unwrap_or("8000")));
    Ok(files)
}

/// What a release is: the image, its settings, and the port that they say.
fn component(image: &str, port: &str) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let (name, version) = match (image.split_once('@'), image.rsplit_once(':')) {
        (Some((name, digest)), _) => (name, format!("digest: {}", quoted(digest))),
        (None, Some((name, tag))) if !tag.contains('/') => (name, format!("newTag: {}", quoted(tag))),
        _ => (image, "newTag: latest".to_owned()),
    };
    format!(
        "# Written by `tollgate deploy apply`.\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n  - name: app\n    \
         newName: {}\n    {version}\nconfigMapGenerator:\n  - name: settings\n    behavior: merge\n    envs: [settings.env]\npatches:\n  - target: {{kind: Deployment, name: app}}\n    patch: |\n      \
         - {{op: replace, path: /spec/template/spec/containers/0/ports/0/containerPort, value: {port}}}\n",
        quoted(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_names_its_image_by_tag_or_digest() {
        assert!(
            component("127.0.0.1:5000/app:7", "8000").contains("newName: \"127.0.0.1:5000/app\"\n    newTag: \"7\"\n")
        );
        assert!(component("host/app@sha256:ab", "8000").contains("newName: \"host/app\"\n    digest: \"sha256:ab\"\n"));
    }
}
