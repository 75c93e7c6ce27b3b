//! One app may be several processes, each with some of its services.

use super::{
    document::refused,
    ground::{Movie, Note, why, writer},
};
use std::time::Duration;
use tollgate::prelude::*;
use tollgate_http::{Api, Quotas};
use tollgate_testing::TestApp;

fn films() -> Service {
    Service::new("films").crud::<Movie>("/movies").cached(Duration::from_mins(1))
}

fn notes() -> Service {
    Service::new("notes").crud::<Note>("/notes")
}

fn app(settings: &'static str) -> App {
    App::new("claims").settings(settings).service(films()).service(notes())
}

#[tokio::test]
async fn a_process_serves_the_services_that_it_is_told_to_and_its_own() {
    let app =
        TestApp::new(app("[server]\nservices = [\"notes\"]\n[limits]\nroutes = { \"POST /movies\" = \"1 per hour\" }"));
    let app = app.await;
    let ann = writer(&app, "ann");
    assert_eq!(ann.get("/notes").await.status(), 200);
    assert_eq!(why(&app.actor("rea").may("read:movies").get("/movies").await), "404 there is no such route; see /docs");
    assert_eq!(ann.get("/api/me").await.status(), 200, "who one is can be asked everywhere");
    assert_eq!(app.anyone().get("/readyz").await.status(), 200);
    let document = app.anyone().get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/notes") && !paths.keys().any(|path| path.starts_with("/movies")), "{paths:?}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("Note") && !schemas.contains_key("Movie"), "{schemas:?}");
}

#[test]
fn writes_end_what_is_kept_by_services_elsewhere() {
    let services = Service::only(vec![films(), notes()], &["notes".to_owned()]).unwrap();
    let (title, version, about, schemes) = (String::new(), String::new(), String::new(), vec![]);
    let (anyone, quotas) = (tollgate_access::Grants::default(), Quotas::default());
    let built = Api {
        title,
        version,
        about,
        anyone,
        schemes,
        services,
        quotas,
        extensions: tollgate::http::Extensions::default(),
    }
    .build();
    let built = built.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    assert!(built.cached_tables.iter().all(|table| table.name == "movies") && !built.cached_tables.is_empty());
    assert!(built.resources.iter().all(|resource| resource.table().name == "notes"));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_with_the_one_that_may_be_meant() {
    let said = refused(app("[server]\nservices = [\"note\"]")).await;
    assert_eq!(said, "server.services: there is no service `note`; did you mean `notes`?");
}
