//! The manifests of `infra/kubernetes`: whether Kubernetes understands them, and whether they and the app mean the same.

use crate::process::{command, stdout};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use tollgate_testing::servers::Kubernetes;

fn infra(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra").join(path)
}

/// What an overlay consists of.
struct Manifests(Vec<Value>);

impl Manifests {
    fn of(overlay: &str) -> Self {
        let json = Kubernetes::validated(&infra("kubernetes/overlays").join(overlay));
        Self(serde_json::from_str(&json).unwrap())
    }

    fn all(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|manifest| manifest["kind"] == kind).collect()
    }

    fn one(&self, kind: &str, name: &str) -> &Value {
        let mut found = self.all(kind).into_iter().filter(|manifest| named(manifest).starts_with(name));
        found.next().unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }
}

fn named(manifest: &Value) -> &str {
    manifest["metadata"]["name"].as_str().unwrap()
}

/// The text of each item of a list, by that pointer.
fn texts<'a>(list: &'a Value, pointer: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap()).collect()
}

fn overlays() -> Vec<String> {
    let folders = fs::read_dir(infra("kubernetes/overlays")).unwrap();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

/// What the app prints, with the settings of an overlay and some more.
fn says(manifests: &Manifests, arguments: &[&str], more: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let mut command = command(folder.path(), arguments);
    let settings = manifests.one("ConfigMap", "settings")["data"].as_object().unwrap();
    command.envs(settings.iter().map(|(name, value)| (name, value.as_str().unwrap())));
    // The file is there in a pod alone.
    command.env("LOREM_IPSUM_DATABASE__URL", "sqlite:./app.db");
    stdout(&command.envs(more.iter().copied()).output().unwrap())
}

#[test]
fn every_overlay_is_understood_and_keeps_the_promises_of_the_app() {
    assert_eq!(overlays().len(), 3);
    for overlay in overlays() {
        let manifests = Manifests::of(&overlay);
        for deployment in manifests.all("Deployment") {
            let pod = &deployment["spec"]["template"]["spec"];
            let container = &pod["containers"][0];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{overlay}");
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{overlay}");
            if container["name"] == "app" {
                let (wait, drain) = (5, 20);
                assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() > wait + drain + 1, "{overlay}");
                assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
                assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/livez");
            }
        }
        for manifest in &manifests.0 {
            let is_one_of_all = manifest["kind"] == "Namespace";
            assert!(is_one_of_all || manifest["metadata"]["namespace"] == "lorem-ipsum", "{overlay}: {manifest}");
        }
        assert!(says(&manifests, &["config"], &[]).contains("LOREM_IPSUM_IDENTITY__ISSUERS__PEOPLE__ISSUER"));
    }
}

/// Whether a selector names those pods and says something at all.
fn selects(selector: &Value, pod: &Value) -> bool {
    let labels = selector.as_object().unwrap();
    !labels.is_empty() && labels.iter().all(|(name, value)| pod["metadata"]["labels"][name] == *value)
}

#[test]
fn whatever_serves_is_reached_scaled_kept_up_and_watched_as_what_it_is() {
    for overlay in overlays() {
        let manifests = Manifests::of(&overlay);
        let is_app = |it: &&Value| it["spec"]["template"]["spec"]["containers"][0]["name"] == "app";
        for deployment in manifests.all("Deployment").into_iter().filter(is_app) {
            let (name, pod) = (named(deployment), &deployment["spec"]["template"]);
            let one = |kind: &str, pointer: &str| {
                let all = manifests.all(kind).into_iter();
                let of_it = all.filter(|it| it.pointer(pointer).is_some_and(|selector| selects(selector, pod)));
                of_it.count() == 1
            };
            assert!(one("Service", "/spec/selector"), "{overlay} {name}");
            assert!(one("PodDisruptionBudget", "/spec/selector/matchLabels"), "{overlay} {name}");
            let scaler = manifests.one("HorizontalPodAutoscaler", name);
            assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], name, "{overlay}");
            assert!(scaler["spec"]["minReplicas"].as_i64().unwrap() > 1, "{overlay} {name}");

            let account = manifests.one("ServiceAccount", "app");
            assert_eq!(pod["spec"]["serviceAccountName"], named(account), "{overlay} {name}");
            let container = &pod["spec"]["containers"][0];
            assert!(["cpu", "memory"].iter().all(|what| container["resources"]["limits"][what].is_string()));
            let metrics = pod["metadata"]["annotations"]["prometheus.io/port"].as_str().unwrap();
            assert_eq!(
                manifests.one("ConfigMap", "settings")["data"]["LOREM_IPSUM_TELEMETRY__METRICS"],
                format!("0.0.0.0:{metrics}"),
                "{overlay} {name}: where Prometheus asks is where the app answers"
            );
            let port = container["ports"].as_array().unwrap().iter().find(|port| port["name"] == "metrics").unwrap();
            assert_eq!(port["containerPort"].to_string(), metrics, "{overlay} {name}");
        }
        let denied = &manifests.one("NetworkPolicy", "deny")["spec"];
        assert_eq!(*denied, json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }), "{overlay}");
        let job = &manifests.one("Job", "migrate")["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(texts(&job["args"], "")[..2], ["migrate", "run"], "{overlay}");
    }
}

/// The commands of the guide's second step, where somebody follows them.
#[test]
fn whoever_copies_the_reference_application_as_the_guide_says_has_nothing_of_it_left() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("infra");
    stdout(&Command::new("cp").arg("-r").arg(infra("")).arg(&place).output().unwrap());
    let guide = fs::read_to_string(infra("../docs/guide/deploy/kubernetes.md")).unwrap();
    let (_, after) = guide.split_once("\n2. ").unwrap();
    let (_, after) = after.split_once("```sh\n").unwrap();
    let (commands, _) = after.split_once("```").unwrap();
    let mut shell = Command::new("bash");
    stdout(&shell.args(["-ec", commands]).current_dir(folder.path()).output().unwrap());
    let manifests = Kubernetes::validated(&place.join("kubernetes/overlays/myapi"));
    assert!(!manifests.contains("lorem") && !manifests.contains("LOREM"), "{manifests}");
    let manifests = Manifests(serde_json::from_str(&manifests).unwrap());
    let is_of_it = |manifest: &&Value| manifest["kind"] == "Namespace" || manifest["metadata"]["namespace"] == "myapi";
    assert!(manifests.0.iter().all(|manifest| is_of_it(&manifest)));
    assert_eq!(manifests.one("ConfigMap", "settings")["data"]["MYAPI_ENV"], "prod");
}

#[test]
fn gateway_and_app_are_told_of_the_same_issuer() {
    let manifests = Manifests::of("envoy-gateway");
    let (settings, policy) = (manifests.one("ConfigMap", "settings"), manifests.one("SecurityPolicy", "tokens"));
    let provider = &policy["spec"]["jwt"]["providers"][0];
    let setting = |name: &str| &settings["data"][format!("LOREM_IPSUM_IDENTITY__ISSUERS__PEOPLE__{name}")];
    assert_eq!((setting("ISSUER"), setting("AUDIENCE")), (&provider["issuer"], &provider["audiences"][0]));
    assert!(provider["remoteJWKS"]["uri"].as_str().unwrap().starts_with("https://issuer.example.com/"));
    let host = &manifests.one("HTTPRoute", "api")["spec"]["hostnames"][0];
    let url = &settings["data"]["LOREM_IPSUM_SERVER__PUBLIC_URL"];
    assert_eq!(url.as_str().unwrap(), format!("https://{}", host.as_str().unwrap()));
}

/// Where each route of the Gateway API leads: path, method and service.
fn rules<'a>(manifests: &'a Manifests, route: &str) -> Vec<(&'a Value, &'a str)> {
    let rules = manifests.one("HTTPRoute", route)["spec"]["rules"].as_array().unwrap();
    rules.iter().map(|rule| (rule, rule["backendRefs"][0]["name"].as_str().unwrap())).collect()
}

#[test]
fn only_pages_probes_signing_in_and_options_need_no_token_at_any_gateway() {
    let text = fs::read_to_string(infra("envoy/envoy.yaml")).unwrap();
    let after = |start: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(start));
        lines.map(|rest| rest.trim_end_matches('}').trim_start_matches('/').to_owned()).collect()
    };
    let (mut exactly, mut below) = (after("- match: {path: "), after("- match: {path_separated_prefix: "));
    // What is this app's own has a route of its own.
    assert!(["library", "patients/live"].iter().all(|page| exactly.remove(*page)) && below.remove("monitor"));
    assert_eq!((exactly.len(), below.len()), (5, 5));

    for overlay in ["envoy-gateway", "services"] {
        let manifests = Manifests::of(overlay);
        let open = manifests.all("HTTPRoute").into_iter().map(named).filter(|name| *name != "api");
        assert_eq!(open.collect::<Vec<_>>(), ["options", "pages", "public"]);
        let pages = rules(&manifests, "pages");
        let pages: Vec<_> = pages.iter().flat_map(|(rule, _)| texts(&rule["matches"], "/path/value")).collect();
        assert_eq!(pages, ["/patients/live", "/monitor", "/library"]);
        let target = &manifests.one("SecurityPolicy", "tokens")["spec"]["targetRefs"];
        assert_eq!((texts(target, "/kind"), texts(target, "/name")), (vec!["HTTPRoute"], vec!["api"]));
        let methods = rules(&manifests, "options").into_iter().flat_map(|(rule, _)| texts(&rule["matches"], "/method"));
        assert!(methods.into_iter().all(|method| method == "OPTIONS"));
        let paths = |kind: &str| -> BTreeSet<String> {
            let public = rules(&manifests, "public");
            let matches = public.iter().flat_map(|(rule, _)| rule["matches"].as_array().unwrap());
            let those = matches.filter(|path| path["path"]["type"] == kind);
            those.map(|path| path["path"]["value"].as_str().unwrap().trim_start_matches('/').to_owned()).collect()
        };
        assert_eq!((paths("Exact"), paths("PathPrefix")), (exactly.clone(), below.clone()), "{overlay}");
    }

    let manifests = Manifests::of("emissary");
    let words = |set: &BTreeSet<String>| {
        let words = set.iter().filter(|word| !word.is_empty()).map(|word| word.replace('.', r"\."));
        words.collect::<Vec<_>>().join("|")
    };
    let expected = format!("/({}|({})(/.*)?)?", words(&exactly), words(&below));
    assert_eq!(manifests.one("Mapping", "public")["spec"]["prefix"], expected);
    let open = manifests.all("Mapping").into_iter().filter(|mapping| mapping["spec"]["bypass_auth"] == true);
    assert_eq!(open.map(named).collect::<Vec<_>>(), ["options", "pages", "pages-live", "public"]);
    assert_eq!(manifests.one("Mapping", "pages")["spec"]["prefix"], "/(library|monitor(/.*)?)");
    assert_eq!(manifests.one("Mapping", "pages-live")["spec"]["prefix"], "/patients/live");
    assert_eq!(manifests.one("Mapping", "options")["spec"]["method"], "OPTIONS");
    let gate = manifests.one("Service", "gate");
    let asked = manifests.one("AuthService", "gate")["spec"]["auth_service"].as_str().unwrap();
    assert_eq!(asked, format!("{}:{}", named(gate), gate["spec"]["ports"][0]["port"]));
    assert_eq!(manifests.one("AuthService", "gate")["spec"]["failure_mode_allow"], false);
}

#[test]
fn api_gateway_lets_through_what_the_other_gateways_do() {
    let variables = fs::read_to_string(infra("terraform/examples/lambda/variables.tf")).unwrap();
    let (_, after) = variables.split_once("variable \"public_routes\"").unwrap();
    let (_, after) = after.split_once("default = [").unwrap();
    let (routes, _) = after.split_once(']').unwrap();
    let routes = routes.split('"').filter_map(|route| route.split_once(' '));
    let paths: BTreeSet<&str> = routes.map(|(_, path)| path).filter(|path| path.starts_with('/')).collect();
    let manifests = Manifests::of("envoy-gateway");
    let public = rules(&manifests, "public");
    for open in public.iter().flat_map(|(rule, _)| texts(&rule["matches"], "/path/value")) {
        let inner = format!("{}/{{proxy+}}", open.trim_end_matches('/'));
        assert!(paths.contains(open) || paths.contains(&*inner), "{open} is not in {paths:?}");
    }
}

/// The paths of the routes that these services have, and no other.
fn paths(manifests: &Manifests, services: &str) -> BTreeSet<String> {
    let routes = says(manifests, &["routes"], &[("LOREM_IPSUM_SERVER__SERVICES", services)]);
    routes
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_path_leads_to_the_instances_that_serve_it() {
    let manifests = Manifests::of("services");
    let deployments = manifests.all("Deployment");
    let parts: Vec<(&str, BTreeSet<String>)> = deployments
        .iter()
        .map(|deployment| {
            let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
            let [_, flag, services] = &texts(arguments, "")[..] else { panic!("{arguments}") };
            assert_eq!(*flag, "--services");
            (named(deployment), paths(&manifests, services))
        })
        .collect();
    let everywhere = parts.iter().map(|(_, paths)| paths.clone()).reduce(|one, other| &one & &other).unwrap();
    let all = parts.iter().flat_map(|(_, paths)| paths).cloned().collect::<BTreeSet<_>>();
    assert_eq!(all, paths(&manifests, ""), "every service is served somewhere");
    for route in ["api", "options"] {
        let leads = |path: &str| {
            let rules = rules(&manifests, route).into_iter();
            let prefixes = rules.flat_map(|(rule, service)| {
                let matches = rule["matches"].as_array().map_or(vec!["/"], |_| texts(&rule["matches"], "/path/value"));
                matches.into_iter().map(move |prefix| (prefix, service))
            });
            let is_below =
                |prefix: &str| path == prefix || path.starts_with(&format!("{}/", prefix.trim_end_matches('/')));
            let longest = prefixes.filter(|(prefix, _)| is_below(prefix)).max_by_key(|(prefix, _)| prefix.len());
            longest.unwrap_or_else(|| panic!("{path} leads nowhere")).1
        };
        for (deployment, paths) in &parts {
            for path in paths.difference(&everywhere) {
                assert_eq!(leads(path), *deployment, "{route}: {path}");
            }
        }
        let services: Vec<_> = manifests.all("Service").into_iter().map(named).collect();
        assert!(everywhere.iter().all(|path| services.contains(&leads(path))), "{services:?}");
    }
}

/// What Emissary asks, run as its pod would run it.
mod envoy {
    use super::*;
    use crate::{aws_emulator::until, process::Server};
    use tollgate_testing::servers::{Envoy, certify, free_port};

    /// The configuration that the pod is started with, for the keys of an app that speaks TLS.
    fn configuration(port: u16, issuer: &Server, authority: &str) -> String {
        let manifests = Manifests::of("emissary");
        let container = &manifests.one("Deployment", "gate")["spec"]["template"]["spec"]["containers"][0];
        let text = *texts(&container["args"], "").last().unwrap();
        let url = issuer.url().replace("127.0.0.1", "localhost");
        let values = [("ISSUER", &*url), ("AUDIENCE", &url), ("JWKS_HOST", "localhost"), ("JWKS_PATH", "oauth/jwks")];
        let filled =
            values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value));
        filled
            .replace("address: 0.0.0.0, port_value: 8080", &format!("address: 127.0.0.1, port_value: {port}"))
            .replace("port_value: 443", &format!("port_value: {}", issuer.port()))
            .replace("https://localhost/oauth", &format!("https://localhost:{}/oauth", issuer.port()))
            .replace("/etc/ssl/certs/ca-certificates.crt", authority)
    }

    #[test]
    fn emissary_is_told_by_an_envoy_whose_token_is_good() {
        let folder = TempDir::new().unwrap();
        certify(folder.path());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (port, at) = (free_port(), free_port().to_string());
        let with_tls = |arguments: &[&str]| {
            let mut command = command(folder.path(), arguments);
            command.env("LOREM_IPSUM_SERVER__TLS__CERTIFICATE", path("server.pem"));
            command.env("LOREM_IPSUM_SERVER__TLS__KEY", path("server.key"));
            command.env("LOREM_IPSUM_SERVER__PUBLIC_URL", format!("https://localhost:{at}"));
            command
        };
        let issuer = Server::start_as(&mut with_tls(&["--port", &at]));
        let user =
            ["create-user", "--name", "Ann", "--email", "ann@example.test", "--password", "correct-horse-battery"];
        stdout(&with_tls(&user).output().unwrap());
        let good = stdout(&with_tls(&["token", "ann@example.test", "--port", &at]).output().unwrap());
        let gate = Envoy::start(&configuration(port, &issuer, &path("ca.pem")), port);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let says = |token: &str| {
            let request = agent.get(format!("http://127.0.0.1:{port}/movies"));
            let request =
                if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) };
            request.call().unwrap().status().as_u16()
        };
        until("the gate has the keys", || says(good.trim()) == 200);
        assert_eq!((says(""), says("nonsense")), (401, 401), "{}", gate.log());
    }
}
