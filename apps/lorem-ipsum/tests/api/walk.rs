//! Every route of the router: a permission, documentation, and problems as answers.

use serde_json::Value;
use tollgate_testing::TestApp;

/// A path that is asked for: `/movies/{movie_id}` → `/movies/1`.
fn concrete(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
}

/// Compares with a file that was committed, and so reviewed.
fn assert_committed(file: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{file} is stale: run the tests with UPDATE_EXPECT=1 and review the difference");
}

/// Settings switch routes on: the matrix is that of an app that has all of them.
#[tokio::test]
async fn the_access_matrix_and_the_document_are_what_was_reviewed() {
    let provider = "[identity.issuers.sso]\npreset = \"generic\"\nissuer = \"http://127.0.0.1:1\"\naudience = \"api\"";
    let app = TestApp::new(lorem_ipsum::app().settings(provider)).await;
    assert_committed("access-matrix.txt", app.access_matrix());
    let app = TestApp::new(lorem_ipsum::app()).await;
    assert_committed("openapi.json", &format!("{:#}\n", app.document()));
}

#[tokio::test]
async fn every_route_is_documented_with_its_permission_and_its_problems() {
    let app = TestApp::new(lorem_ipsum::app()).await;
    assert!(app.routes().len() >= 8);
    for route in app.routes() {
        let name = format!("{} {}", route.method, route.path);
        let operation = &app.document()["paths"][&route.path][route.method.as_str().to_lowercase()];
        for member in ["operationId", "summary"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {member}");
        }
        let permissions = route.access.permissions();
        let asked: Vec<&str> =
            operation["security"][0]["oauth2"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(asked, permissions, "{name}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
        let is_no = |status: &str| !status.starts_with('2') && status != "304";
        for (status, answer) in answers.iter().filter(|(status, _)| is_no(status)) {
            assert!(answer["content"]["application/problem+json"].is_object(), "{name} {status} is no problem");
        }
        if !permissions.is_empty() {
            assert!(answers.contains_key("401") && answers.contains_key("403"), "{name}");
        }
    }
}

#[tokio::test]
async fn every_route_that_needs_a_permission_refuses_who_lacks_it() {
    let app = TestApp::new(lorem_ipsum::app()).await;
    for route in app.routes().iter().filter(|route| !route.access.permissions().is_empty()) {
        let path = concrete(&route.path);
        for (caller, expected) in [(app.anyone(), 401), (app.actor("nobody").may("read:nothing"), 403)] {
            let reply = caller.send(route.method.clone(), &path, None).await;
            assert_eq!(reply.status(), expected, "{} {path}", route.method);
            assert_eq!(reply.header("content-type"), "application/problem+json");
            assert!(!reply.header("x-request-id").is_empty());
            assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));
        }
    }
}
