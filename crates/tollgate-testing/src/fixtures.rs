//! Rows that a test begins with.

use crate::Client;
use serde_json::Value;

impl Client {
    /// Puts rows there with `POST`, one after the other, and returns them as they are stored. They are this caller's, as
    /// any other that it makes.
    ///
    /// # Panics
    /// If one of them is not answered with 201.
    pub async fn given(&self, path: &str, rows: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let mut stored = vec![];
        for row in rows {
            let reply = self.post(path, row.clone()).await;
            assert!(reply.status() == 201, "{row} was not stored: {}", reply.text());
            stored.push(reply.json());
        }
        stored
    }
}
