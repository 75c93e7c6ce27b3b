//! Movies, as their callers know them.
use serde_json::{Value, json};
use tollgate_testing::TestApp;

fn movie(title: &str, released: i32, rating: f64) -> Value {
    json!({ "title": title, "released": released, "rating": rating })
}

#[tokio::test]
async fn curators_add_movies_and_writers_do_not() {
    let app = TestApp::new(crate::app()).await;
    let (anyone, writer, curator) = (
        app.anyone(),
        app.actor("wri").role("writer"),
        app.actor("cur").role("curator"),
    );
    for (caller, status) in [(anyone, 401), (writer, 403), (curator, 201)] {
        assert_eq!(
            caller
                .post("/movies", movie("Alien", 1979, 8.5))
                .await
                .status(),
            status
        );
    }
}

#[tokio::test]
async fn the_best_comes_first_and_older_ones_do_not_count() {
    let app = TestApp::new(crate::app()).await;
    let curator = app.actor("cur").role("curator");
    let films = [
        movie("Solaris", 1972, 7.9),
        movie("Metropolis", 1927, 8.3),
        movie("Alien", 1979, 8.5),
    ];
    curator.given("/movies", films).await;
    let best = app
        .actor("wri")
        .role("writer")
        .get("/movies/best?year=1970")
        .await
        .json();
    assert_eq!(
        (&best[0]["title"], &best[1]["title"], best.get(2)),
        (&json!("Alien"), &json!("Solaris"), None)
    );
}

#[tokio::test]
async fn a_year_before_film_is_refused() {
    let app = TestApp::new(crate::app()).await;
    let refused = app
        .actor("wri")
        .role("writer")
        .get("/movies/best?year=70")
        .await;
    assert_eq!(
        (refused.status(), &refused.json()["errors"][0]["parameter"]),
        (422, &json!("year"))
    );
}
