//! The gateway in front of an app on Kubernetes: whose tokens it lets through, and whether it is there.

use super::{
    kubernetes::{UNKNOWN, kubeconfig, kubectl},
    place::Place,
    runner::Runner,
};
use crate::{Failure, Result, app::Description, tools};
use serde_json::{Value, json};
use std::{fs, process::Command};

/// Whose tokens, and for whom, the gateway lets through.
pub(super) struct Trusted {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) jwks_host: String,
    pub(super) jwks_path: String,
}

/// One for each audience of each issuer, or one to be filled in; never none.
pub(super) fn trusted(described: &Description) -> Vec<Trusted> {
    let each = described.issuers.iter().flat_map(|it| {
        let (jwks_host, jwks_path) =
            keys_of(&it.issuer).unwrap_or_else(|| (UNKNOWN.into(), ".well-known/jwks.json".into()));
        it.audiences.iter().map(move |audience| Trusted {
            issuer: it.issuer.clone(),
            audience: audience.clone(),
            jwks_host: jwks_host.clone(),
            jwks_path: jwks_path.clone(),
        })
    });
    let all: Vec<_> = each.chain(described.is_issuer().then(|| own(described))).collect();
    if !all.is_empty() {
        return all;
    }
    let unknown = || UNKNOWN.to_owned();
    vec![Trusted { issuer: unknown(), audience: unknown(), jwks_host: unknown(), jwks_path: unknown() }]
}

/// The app itself, whose tokens are for itself.
fn own(described: &Description) -> Trusted {
    let url = described.text("server.public_url").unwrap_or_default();
    let host = host_of(url.trim_end_matches('/')).map_or_else(|| UNKNOWN.to_owned(), |(host, _)| host);
    let issuer = format!("https://{host}");
    Trusted { audience: issuer.clone(), issuer, jwks_host: host, jwks_path: "oauth/jwks".into() }
}

/// What Envoy Gateway is told where there are several; an issuer has a provider, with all of its audiences.
pub(super) fn tokens(trusted: &[Trusted]) -> Value {
    let issuers = trusted.chunk_by(|one, other| one.issuer == other.issuer).enumerate();
    let provider = |(number, its): (usize, &[Trusted])| {
        let audiences: Vec<_> = its.iter().map(|it| &it.audience).collect();
        let uri = format!("https://{}/{}", its[0].jwks_host, its[0].jwks_path);
        json!({ "name": format!("issuer-{number}"), "issuer": its[0].issuer, "audiences": audiences, "remoteJWKS": { "uri": uri } })
    };
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "SecurityPolicy", "metadata": { "name": "tokens" },
        "spec": { "jwt": { "providers": issuers.map(provider).collect::<Vec<_>>() } },
    })
}

/// Without Envoy Gateway nothing of the release is understood, and without a certificate nobody reaches it.
///
/// # Errors
/// One of them is missing, and how it is made.
pub(super) fn look_for(runner: &mut Runner, place: &Place, overlay: &str, namespace: &str) -> Result {
    let text = fs::read_to_string(place.app.join(overlay).join("kustomization.yaml")).unwrap_or_default();
    if !text.contains("components/envoy-gateway") {
        return Ok(());
    }
    let with = format!("--kubeconfig {}", kubeconfig(place));
    let remedy = |commands: String| move |why: Failure| Failure(format!("{}\n{commands}", why.0));
    runner.step("look for Envoy Gateway", &mut kubectl(place, &["get", "gatewayclass", "eg"])).map_err(remedy(
        format!(
            "  once per cluster:\n  helm install eg oci://docker.io/envoyproxy/gateway-helm --namespace envoy-gateway-system \
             --create-namespace {with}\n  kubectl {with} apply --filename infra/kubernetes/cluster"
        ),
    ))?;
    let secret = ["--namespace", namespace, "get", "secret", "tls"];
    runner.step("look for the certificate of the host", &mut kubectl(place, &secret)).map_err(remedy(format!(
        "  kubectl {with} create namespace {namespace}\n  kubectl {with} --namespace {namespace} create secret tls tls \
         --cert=tls.crt --key=tls.key"
    )))
}

/// Host and path of an `https` address.
fn host_of(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some((host.to_owned(), path.to_owned()))
}

/// Where an issuer says that its keys are.
fn keys_of(issuer: &str) -> Option<(String, String)> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let said = tools::stdout(Command::new("curl").args(["--silent", "--fail", "--max-time", "5", &address])).ok()?;
    let metadata: Value = serde_json::from_str(&said).ok()?;
    host_of(metadata["jwks_uri"].as_str()?)
}
