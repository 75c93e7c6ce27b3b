//! What would keep the app from starting where it goes? Better told before anything is made than by an app that is down.

use super::{Target, place::Place};
use crate::app::{App, Description};
use serde_json::Value;
use std::fs;

/// Most letters of an app's name, which is a part of longer ones at AWS.
const LONGEST: usize = 19;

/// Each in words, with the remedy.
pub(super) fn lacks(app: &App, described: &Description, place: &Place) -> Vec<String> {
    let nobody = described.issuers.is_empty() && !described.is_issuer();
    let nobody = nobody.then(|| {
        format!(
            "nobody is recognised in `{}`, and so the app will not start: name who says who is calling in \
             [identity.issuers], or set identity.embedded = true, in config/default.toml",
            place.environment
        )
    });
    let is_documents = app.features.iter().any(|feature| feature == "mongodb");
    let tables = !is_documents && !has_migrations(app);
    let tables = tables.then(|| {
        "there are no migrations, which make the tables everywhere but in `dev`: cargo run -- migrate diff first"
            .to_owned()
    });
    let is_long = described.name.len() > LONGEST;
    let long = is_long.then(|| {
        format!("`{}` is too long for names at AWS: {LONGEST} letters at most, in App::new(…)", described.name)
    });
    nobody.into_iter().chain(tables).chain(long).chain(unsaid(place)).collect()
}

/// Variables that only their owner knows, and the target does not do without.
fn unsaid(place: &Place) -> impl Iterator<Item = String> {
    let needed: &[(&str, &str)] = match place.target {
        Target::Lambda => &[],
        Target::Ecs => &[
            ("domain", "the name of the host, as in api.example.com"),
            (
                "certificate_arn",
                "its certificate in ACM: aws acm request-certificate --validation-method DNS --domain-name …",
            ),
        ],
        Target::Eks => &[
            ("cluster_admins", "the ARN of the role that you deploy as, or kubectl is refused"),
            (
                "api_cidrs",
                "your addresses, as in 203.0.113.7/32, unless you are in the cluster's network, or kubectl does not reach it",
            ),
        ],
    };
    needed.iter().filter(|(name, _)| is_empty(place.value(name))).map(|(name, what)| {
        format!("{} does not say `{name}`: {what}", super::place::variables_file(place.target, &place.environment))
    })
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_none_or(str::is_empty) && value.as_array().is_none_or(Vec::is_empty)
}

fn has_migrations(app: &App) -> bool {
    fs::read_dir(app.folder.join("migrations")).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn what_would_not_start_is_told_before_it_is_made() {
        let folder = tempfile::TempDir::new().unwrap();
        let app = App { name: "my_api".into(), folder: folder.path().into(), beside: vec![], features: vec![] };
        let described = |name: &str, embedded: bool| -> Description {
            let settings = json!({ "identity.embedded": { "value": embedded, "origin": "default" } });
            let about =
                json!({ "name": name, "version": "1", "prefix": "MY_API", "issuers": [], "settings": settings });
            from_value(about).unwrap()
        };
        let place = |target, variables: Value| Place::with(target, "prod", folder.path(), variables);
        let lambda = place(Target::Lambda, json!({}));
        let said = lacks(&app, &described("my_api_for_every_one", false), &lambda);
        assert!(said[0].contains("identity.embedded = true") && said[1].contains("migrate diff first"), "{said:?}");
        assert!(said[2].contains("`my_api_for_every_one` is too long"), "{said:?}");
        fs::create_dir(folder.path().join("migrations")).unwrap();
        fs::write(folder.path().join("migrations/0001_first.postgres.sql"), "").unwrap();
        let lacks = |place: &Place| lacks(&app, &described("my_api", true), place);
        assert_eq!(lacks(&lambda), [""; 0]);
        let said = lacks(&place(Target::Ecs, json!({ "domain": "api.example.com" })));
        assert!(said.len() == 1 && said[0].contains("ecs/prod.tfvars.json does not say `certificate_arn`"), "{said:?}");
        let said = lacks(&place(Target::Eks, json!({ "api_cidrs": [] })));
        assert!(said[0].contains("`cluster_admins`") && said[1].contains("`api_cidrs`"), "{said:?}");
    }
}
