//! Lists that take long take their own time, and not that of others.

use super::empty;
use crate::films::FIRST;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc::unbounded_channel},
    time::{sleep, timeout},
};
use tollgate_store::{Database, Error, Expr, Result, Row, Select, Value};

/// Reads the rows and does that for each.
async fn read(database: Arc<dyn Database>, filter: Expr, mut each: impl FnMut() -> Result<()> + Send) -> Result<()> {
    let select = Select { table: &FIRST, filter, order: vec![], limit: None };
    database.select(&select, &mut |_: &dyn Row| each()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_that_take_long_hold_up_no_lookup() {
    let (database, _folder) = empty().await;
    database.prepare(&[&FIRST], true).await.unwrap();
    let row = vec![vec![Value::Int(1), Value::Text("one".into())]];
    database.insert(&FIRST, Arc::new(row), 0..1).await.unwrap();

    let (end, (entered, mut lists)) = (Arc::new(Semaphore::new(0)), unbounded_channel());
    let list = |_| {
        let (database, end, entered) = (Arc::clone(&database), Arc::clone(&end), entered.clone());
        let wait = move || {
            entered.send(()).unwrap();
            while end.available_permits() == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        tokio::spawn(read(database, Expr::EVERY, wait))
    };
    // More than the threads of a runtime.
    let lists_under_way: Vec<_> = (0..700).map(list).collect();
    while timeout(Duration::from_secs(1), lists.recv()).await.is_ok() {}

    let one = Expr::In(0, vec![Value::Int(1)]);
    let lookup = timeout(Duration::from_secs(5), tokio::spawn(read(database, one, || Ok(())))).await;
    sleep(Duration::from_secs(2)).await;
    end.add_permits(1);
    lookup.expect("the lookup waited for the lists").unwrap().unwrap();
    let mut refused = 0;
    for list in lists_under_way {
        match list.await.unwrap() {
            Err(Error::Overloaded) => refused += 1,
            outcome => outcome.unwrap(),
        }
    }
    assert!(refused > 600, "who waits too long for a connection is told");
}
