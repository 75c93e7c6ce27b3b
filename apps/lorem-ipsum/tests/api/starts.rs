//! Instances that start at the same time on an empty database: what is done once is done by one of them.

use crate::process::{Server, command};
use std::{path::Path, process::Stdio, thread};
use tempfile::TempDir;
use tollgate_testing::servers::{Mongo, Postgres};

const AT_ONCE: usize = 6;

fn start(url: &str, folder: &Path) -> Server {
    let mut command = command(folder, &["--port", "0"]);
    Server::start_as(command.env("LOREM_IPSUM_DATABASE__URL", url).stderr(Stdio::inherit()))
}

fn one_of_them_adds_the_first_rows(url: &str) {
    let folder = TempDir::new().unwrap();
    let url = url.replace("FOLDER", &folder.path().display().to_string());
    let started: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| start(&url, folder.path()))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let added = started.iter().filter(|server| server.banner.contains("added 2987 movies")).count();
    assert_eq!(added, 1, "{:?}", started.iter().map(|server| &server.banner).collect::<Vec<_>>());
    drop(started);
    assert!(!start(&url, folder.path()).banner.contains("added"), "and nobody later");
}

#[test]
fn one_of_several_instances_adds_the_first_rows_to_sqlite() {
    one_of_them_adds_the_first_rows("sqlite:FOLDER/app.db");
}

#[test]
fn one_of_several_instances_adds_the_first_rows_to_postgres() {
    one_of_them_adds_the_first_rows(&format!("{}?schema=starts_{}", Postgres::shared(), std::process::id()));
}

#[test]
fn one_of_several_instances_adds_the_first_rows_to_mongodb() {
    let name = format!("/starts_{}?", std::process::id());
    one_of_them_adds_the_first_rows(&Mongo::shared().replace("/?", &name));
}
