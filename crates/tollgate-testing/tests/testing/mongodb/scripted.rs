//! A server that answers as a test says, in the wire protocol of MongoDB.

use mongodb::bson::{Document, doc};
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Answers each command with what `answer` says to it, told the address that it is sent to. Its port.
pub(super) fn server(answer: impl Fn(&str, Document) -> Document + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            let me = format!("127.0.0.1:{port}");
            thread::spawn(move || answer_all(stream, |command| answer(&me, command)));
        }
    });
    port
}

/// What one says of itself that takes writes, in a replica set, and understands the wire protocol up to that version.
pub(super) fn hello(me: &str, wire_version: i32) -> Document {
    doc! { "ok": 1, "ismaster": true, "isWritablePrimary": true, "setName": "rs0", "hosts": [me], "me": me,
    "minWireVersion": 0, "maxWireVersion": wire_version, "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000, "logicalSessionTimeoutMinutes": 30 }
}

/// Answers as it was asked: `OP_QUERY` (2004) with `OP_REPLY` (1), `OP_MSG` (2013) with the same.
fn answer_all(mut stream: TcpStream, answer: impl Fn(Document) -> Document) -> io::Result<()> {
    loop {
        let mut header = [0; 16];
        stream.read_exact(&mut header)?;
        let word = |at: usize| i32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let mut asked = vec![0; usize::try_from(word(0)).unwrap() - header.len()];
        stream.read_exact(&mut asked)?;
        // Before the command: flags and the kind of a section; or flags, a collection, and two numbers. Before the answer:
        // the same; or flags, a cursor, where it starts and the number of documents.
        let (operation, from, before) = match word(12) {
            2013 => (2013, 5, vec![0; 5]),
            _ => (1, 4 + nul(&asked[4..]) + 1 + 8, [[0; 16].as_slice(), &[1, 0, 0, 0]].concat()),
        };
        let said = answer(Document::from_reader(&asked[from..]).unwrap()).to_vec().unwrap();
        let length = i32::try_from(16 + before.len() + said.len()).unwrap();
        let start = [length, 0, word(4), operation].map(i32::to_le_bytes).concat();
        stream.write_all(&[&start[..], &before, &said].concat())?;
    }
}

fn nul(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == 0).unwrap()
}
