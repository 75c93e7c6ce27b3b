//! Many readers of many people, while several of them write.

use super::{
    ground::{Note, note, writer},
    live::follow,
};
use futures_util::future::join_all;
use tollgate::prelude::*;
use tollgate_testing::{Client, Events, TestApp};

const PEOPLE: usize = 50;
/// Of each person, as if in as many windows.
const STREAMS: usize = 10;
/// Each writes so often.
const NOTES: usize = 4;

async fn write(person: &Client, number: usize) {
    for nth in 0..NOTES {
        let reply = person.post("/notes", note(&format!("{number}/{nth}"))).await;
        assert_eq!(reply.status(), 201, "{}", reply.text());
    }
}

/// What a stream tells of as many notes as its person wrote.
async fn hear(mut events: Events, number: usize) {
    let mut heard = vec![];
    for _ in 0..NOTES {
        let event = events.next().await.unwrap();
        heard.push((event.kind, event.data["text"].as_str().unwrap_or_default().to_owned()));
    }
    let own: Vec<_> = (0..NOTES).map(|nth| ("created".to_owned(), format!("{number}/{nth}"))).collect();
    assert_eq!(heard, own, "each once, in order, and nobody else's");
}

#[tokio::test]
async fn five_hundred_readers_hear_of_their_own_rows_while_fifty_write() {
    let service = Service::new("all").crud::<Note>("/notes").live::<Note>("/live/notes");
    let app = TestApp::new(App::new("claims").service(service)).await;
    let people: Vec<_> = (0..PEOPLE).map(|number| writer(&app, &format!("person-{number}"))).collect();
    // One after the other: so many requests at once would be shed.
    let mut streams = vec![];
    for (number, person) in people.iter().enumerate() {
        for _ in 0..STREAMS {
            streams.push((number, follow(person, "/live/notes").await));
        }
    }
    assert_eq!(streams.len(), 500);
    let heard = join_all(streams.into_iter().map(|(number, events)| hear(events, number)));
    let written = join_all(people.iter().enumerate().map(|(number, person)| write(person, number)));
    tokio::join!(heard, written);
}
