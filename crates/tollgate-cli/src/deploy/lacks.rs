//! What would keep the app from starting where it goes? Better told before anything is made than by an app that is down.

use crate::app::{App, Description};
use std::fs;

/// Each in words, with the remedy.
pub(super) fn lacks(app: &App, described: &Description, environment: &str) -> Vec<String> {
    let nobody = described.issuers.is_empty() && described.text("identity.embedded").as_deref() != Some("true");
    let nobody = nobody.then(|| {
        format!(
            "nobody is recognised in `{environment}`, and so the app will not start: name who says who is calling in \
             [identity.issuers], or set identity.embedded = true, in config/default.toml"
        )
    });
    let is_documents = app.features.iter().any(|feature| feature == "mongodb");
    let tables = !is_documents && !has_migrations(app);
    let tables = tables.then(|| {
        "there are no migrations, which make the tables everywhere but in `dev`: cargo run -- migrate diff first"
            .to_owned()
    });
    nobody.into_iter().chain(tables).collect()
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
        let described = |embedded: bool| -> Description {
            let settings = json!({ "identity.embedded": { "value": embedded, "origin": "default" } });
            let about =
                json!({ "name": "my_api", "version": "1", "prefix": "MY_API", "issuers": [], "settings": settings });
            from_value(about).unwrap()
        };
        let said = lacks(&app, &described(false), "prod");
        assert!(said[0].contains("identity.embedded = true") && said[1].contains("migrate diff first"), "{said:?}");
        fs::create_dir(folder.path().join("migrations")).unwrap();
        fs::write(folder.path().join("migrations/0001_first.postgres.sql"), "").unwrap();
        assert_eq!(lacks(&app, &described(true), "prod"), [""; 0]);
    }
}
