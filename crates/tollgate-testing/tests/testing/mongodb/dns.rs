//! A cluster of which the app knows the name of the host: the DNS tells the rest, and the role that the app runs as signs in.
//! Who asks the DNS asks the server that the system names, so the test runs where the system names its own.

use super::scripted;
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use std::{
    env, fs,
    net::UdpSocket,
    process::Command,
    sync::mpsc::{Sender, channel},
    thread,
};
use tempfile::TempDir;
use tollgate_mongodb::MongoDb;
use tollgate_store::Database;

/// Set where the system names the DNS of the test: which address that has.
const WITHIN: &str = "TOLLGATE_TEST_DNS";
const NAME: &str = "mongodb::dns::the_name_of_a_host_is_enough_for_whoever_runs_as_a_role";

/// Does this test once more, as a role of AWS, with a DNS that no other test has.
fn do_it_within() {
    let folder = TempDir::new().unwrap();
    let names = folder.path().join("resolv.conf");
    let [.., one, two, three] = tollgate::Uuid::now_v7().into_bytes();
    let address = format!("127.{one}.{two}.{}", three.clamp(1, 254));
    fs::write(&names, format!("nameserver {address}\n")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", "mount --bind \"$1\" /etc/resolv.conf; shift; exec \"$@\"", "sh"]);
    command.arg(&names).arg(env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]);
    command.env(WITHIN, address).env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "hunter2");
    command.env("AWS_SESSION_TOKEN", "a token");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Answers whoever asks where `cluster0.example.test` is, as Atlas does: on one host of that domain, a replica set, with its
/// users in `admin`.
fn tell_names(address: &str, port: u16) {
    let socket = UdpSocket::bind((address, 53)).unwrap();
    thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut asked) {
            // A name ends with an empty label; kind and class follow.
            let end = 12 + asked[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            let (service, question) = (asked[13] == b'_', &asked[12..end]);
            let data = match (asked[end - 3], service) {
                (33, true) => [&[0, 0, 0, 0], &port.to_be_bytes()[..], b"\x03db1\x07example\x04test\0"].concat(),
                (16, false) => text("authSource=admin&replicaSet=rs0"),
                (1, false) => vec![127, 0, 0, 1],
                _ => vec![],
            };
            // One question; an answer, which begins with a pointer to the name that was asked for, or none.
            let number = u8::from(!data.is_empty());
            let mut said = [&asked[..2], &[0x85, 0x80, 0, 1, 0, number, 0, 0, 0, 0], question].concat();
            if !data.is_empty() {
                let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                said.extend([&[0xc0, 12, 0, asked[end - 3], 0, 1, 0, 0, 0, 60], &length[..], &data].concat());
            }
            socket.send_to(&said, asker).unwrap();
        }
    });
}

fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn binary(document: &Document) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: document.to_vec().unwrap() }
}

/// What was sent in a step of signing in.
fn payload(command: &Document) -> Document {
    Document::from_reader(command.get_binary_generic("payload").unwrap().as_slice()).unwrap()
}

/// Lets whoever signs in by `MONGODB-AWS` in, and shows by what.
fn answer(me: &str, command: &Document, shown: &Sender<Document>) -> Document {
    let step =
        |done: bool, said: &Document| doc! { "ok": 1, "conversationId": 1, "done": done, "payload": binary(said) };
    match command.keys().next().map(String::as_str) {
        Some("saslStart") => {
            assert_eq!(command.get_str("mechanism").unwrap(), "MONGODB-AWS");
            assert_eq!(command.get_str("$db").unwrap(), "$external");
            let mut nonce = payload(command).get_binary_generic("r").unwrap().clone();
            nonce.resize(64, 7);
            let nonce = Binary { subtype: BinarySubtype::Generic, bytes: nonce };
            step(false, &doc! { "s": nonce, "h": "sts.amazonaws.com" })
        }
        Some("saslContinue") => {
            shown.send(payload(command)).unwrap();
            step(true, &doc! {})
        }
        Some("listCollections") => {
            doc! { "ok": 1, "cursor": { "id": 0_i64, "ns": "default.$cmd.listCollections", "firstBatch": [] } }
        }
        _ => scripted::hello(me, 21),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_host_is_enough_for_whoever_runs_as_a_role() {
    let Ok(address) = env::var(WITHIN) else { return do_it_within() };
    let (shown, by) = channel();
    let port = scripted::server(move |me, command| answer(me, &command, &shown));
    tell_names(&address, port);
    // The options of the second are those that Atlas shows, but for where the user is, of which the DNS tells what is
    // true of others.
    for options in ["", "&authMechanism=MONGODB-AWS"] {
        let url = format!("mongodb+srv://cluster0.example.test/?tls=false{options}");
        let database = MongoDb::open(&url).await.expect(&url);
        assert_eq!(database.describe(), format!("MongoDB at db1.example.test:{port}/default"));
        let shown = by.try_recv().unwrap();
        let said = shown.get_str("a").unwrap();
        assert!(said.contains("Credential=AKIDEXAMPLE/") && said.contains("/us-east-1/sts/aws4_request"), "{said}");
        assert_eq!(shown.get_str("t").unwrap(), "a token");
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
}
