//! What Terraform is told, from what the app says about itself. No value of a secret is among it.

use super::Target;
use crate::app::{App, Description, Setting};
use serde_json::{Map, Value, json};

/// The environment a deployment is described for, and its region.
pub(super) struct Deployment<'a> {
    pub(super) target: Target,
    pub(super) environment: &'a str,
    pub(super) region: &'a str,
}

/// The first variables of a deployment, which are the app's to change.
pub(super) fn variables(app: &App, described: &Description, deployment: &Deployment<'_>) -> Value {
    let (secrets, parameters) = references(described, deployment.environment);
    let is_mongodb = app.features.iter().any(|feature| feature == "mongodb");
    let mut all = json!({
        "name": aws_name(&described.name),
        "environment": deployment.environment,
        "region": deployment.region,
        "port": described.text("server.port").and_then(|port| port.parse::<u16>().ok()).unwrap_or(8000),
        "issuers": issuers(described),
        "settings": settings(described, deployment.target),
        "secrets": secrets,
        "parameters": parameters,
        "postgres": !is_mongodb,
    });
    if deployment.target == Target::Lambda && described.issuers.len() + usize::from(described.is_issuer()) > 1 {
        // API Gateway checks tokens of one issuer; with several, the app alone does, until somebody chooses.
        all["gateway_issuer"] = "none".into();
    }
    if deployment.target != Target::Lambda {
        // A function has a name of AWS's until it is given another.
        all["domain"] = host(described).unwrap_or_default().into();
    }
    if deployment.target == Target::Ecs {
        all["certificate_arn"] = "".into();
    }
    if deployment.target == Target::Eks {
        (all["cluster_admins"], all["api_cidrs"]) = (json!([]), json!([]));
    }
    if is_mongodb {
        // The name of the database in the settings: none is the default one.
        all["mongodb_database"] = "".into();
        all["mongodb_host"] = "".into();
    }
    all
}

/// The host of the app's public URL.
pub(super) fn host(described: &Description) -> Option<String> {
    let url = described.text("server.public_url")?;
    let host = url.strip_prefix("https://")?;
    Some(host.split(['/', ':']).next().unwrap_or(host).to_owned())
}

/// Names at AWS have no `_`.
pub(super) fn aws_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn issuers(described: &Description) -> Value {
    described.issuers.iter().map(|it| json!({ "issuer": it.issuer, "audiences": it.audiences })).collect()
}

/// Plain variables. Tables are brought up to date by the first instance that starts, except on EKS, where a Job does.
fn settings(described: &Description, target: Target) -> Value {
    match target {
        Target::Lambda | Target::Ecs => json!({ described.variable("database.migrate"): "true" }),
        Target::Eks => json!({}),
    }
}

/// Which secrets and parameters the app reads, by its variables: those that its settings name, and places for those
/// that it will need.
fn references(described: &Description, environment: &str) -> (Map<String, Value>, Map<String, Value>) {
    let (mut secrets, mut parameters) = (Map::new(), Map::new());
    for (setting, said) in &described.settings {
        let variable = described.variable(setting);
        match reference(said) {
            Some(("aws-sm", name)) => secrets.insert(variable, name.into()),
            Some(("aws-ssm", path)) => parameters.insert(variable, path.into()),
            _ if is_missing_client_secret(described, setting, said) => {
                let name = setting.replace(['.', '_'], "-");
                secrets.insert(variable, format!("{}/{environment}/{name}", aws_name(&described.name)).into())
            }
            _ => None,
        };
    }
    (secrets, parameters)
}

/// `secret:aws-sm:name#key (config/prod.toml)`
fn reference(said: &Setting) -> Option<(&str, &str)> {
    let reference = said.origin.strip_prefix("secret:")?.split(" (").next()?;
    reference.split_once(':')
}

/// The secret of a client that people sign in through; its own name at Google and Cognito is that of the audience.
fn is_missing_client_secret(described: &Description, setting: &str, said: &Setting) -> bool {
    let client = setting.strip_suffix(".client_secret").filter(|_| setting.starts_with("identity.issuers."));
    let has_client = client.is_some_and(|issuer| described.text(&format!("{issuer}.client_id")).is_some());
    has_client && (said.hidden || said.value.as_ref().is_none_or(Value::is_null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    fn described() -> Description {
        from_value(json!({
            "name": "my_api", "version": "1", "prefix": "MY_API",
            "issuers": [{ "name": "okta", "issuer": "https://x.okta.com/oauth2/default", "audiences": ["api://default"] }],
            "settings": {
                "server.port": { "value": 8080, "origin": "config/default.toml" },
                "database.url": { "hidden": true, "origin": "MY_API_DATABASE__URL in .env" },
                "identity.issuers.okta.client_id": { "value": "0oa", "origin": "config/default.toml" },
                "identity.issuers.okta.client_secret": { "value": null, "origin": "default" },
                "films.key": { "hidden": true, "origin": "secret:aws-sm:films#key (config/prod.toml)" },
                "films.other": { "hidden": true, "origin": "secret:aws-ssm:/films/other (config/prod.toml)" },
            },
        }))
        .unwrap()
    }

    #[test]
    fn where_a_gateway_knows_one_issuer_the_app_checks_the_tokens_of_several() {
        let app = App { name: "my_api".into(), folder: "/".into(), beside: vec![], features: vec![] };
        let mut described = described();
        let checked = |described: &Description, target| {
            let deployment = Deployment { target, environment: "prod", region: "eu-central-1" };
            variables(&app, described, &deployment)["gateway_issuer"].clone()
        };
        assert_eq!(checked(&described, Target::Lambda), Value::Null);
        described.issuers.extend(self::described().issuers);
        assert_eq!(checked(&described, Target::Lambda), "none");
        assert_eq!(checked(&described, Target::Ecs), Value::Null);
        described.issuers.truncate(1);
        let embedded = json!({ "value": true, "origin": "config/default.toml" });
        described.settings.insert("identity.embedded".into(), from_value(embedded).unwrap());
        assert_eq!(checked(&described, Target::Lambda), "none", "the app's own tokens are of another issuer");
    }

    #[test]
    fn a_public_url_is_the_domain_and_what_only_its_owner_knows_has_a_place() {
        let app = App { name: "my_api".into(), folder: "/".into(), beside: vec![], features: vec![] };
        let mut described = described();
        let url = json!({ "value": "https://api.example.com:8443/v1", "origin": "config/prod.toml" });
        described.settings.insert("server.public_url".into(), from_value(url).unwrap());
        let told =
            |target| variables(&app, &described, &Deployment { target, environment: "prod", region: "eu-central-1" });
        let (ecs, eks) = (told(Target::Ecs), told(Target::Eks));
        assert_eq!((&ecs["domain"], &ecs["certificate_arn"]), (&json!("api.example.com"), &json!("")));
        assert_eq!((&eks["domain"], &eks["api_cidrs"]), (&json!("api.example.com"), &json!([])));
    }

    #[test]
    fn terraform_is_told_what_the_app_says_and_no_secret() {
        let app = App { name: "my_api".into(), folder: "/".into(), beside: vec![], features: vec![] };
        let deployment = Deployment { target: Target::Lambda, environment: "prod", region: "eu-central-1" };
        let told = variables(&app, &described(), &deployment);
        assert_eq!(
            told,
            json!({
                "name": "my-api", "environment": "prod", "region": "eu-central-1", "port": 8080, "postgres": true,
                "issuers": [{ "issuer": "https://x.okta.com/oauth2/default", "audiences": ["api://default"] }],
                "settings": { "MY_API_DATABASE__MIGRATE": "true" },
                "secrets": {
                    "MY_API_FILMS__KEY": "films#key",
                    "MY_API_IDENTITY__ISSUERS__OKTA__CLIENT_SECRET": "my-api/prod/identity-issuers-okta-client-secret",
                },
                "parameters": { "MY_API_FILMS__OTHER": "/films/other" },
            })
        );
    }
}
