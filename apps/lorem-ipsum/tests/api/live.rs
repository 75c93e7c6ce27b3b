//! Changes as they happen, over real sockets: of several instances, to those who may see them, until they may not.

use crate::process::{Server, command, run, stdout};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::servers::free_port;
use ureq::{Agent, BodyReader};

/// Within which what is ended must be over; a second is wanted, and the machine may be busy.
const SOON: Duration = Duration::from_secs(10);
/// For how much a token is good after its end, because clocks differ.
const LEEWAY: Duration = Duration::from_mins(1);

fn agent() -> Agent {
    let timeout = Some(Duration::from_mins(1));
    Agent::config_builder().http_status_as_error(false).timeout_recv_body(timeout).build().into()
}

/// Instances of the app over the same databases.
struct World {
    folder: TempDir,
    settings: Vec<(String, String)>,
    instances: Vec<(u16, Server)>,
}

impl World {
    fn start(settings: Vec<(String, String)>) -> Self {
        let mut world = Self { folder: TempDir::new().unwrap(), settings, instances: vec![] };
        world.add();
        world.add();
        world
    }

    fn add(&mut self) {
        let port = free_port();
        let mut command = command(self.folder.path(), &["--port", &port.to_string()]);
        // Tokens are for one origin, whichever instance they come to.
        command.env("LOREM_IPSUM_SERVER__PUBLIC_URL", "http://127.0.0.1:8000");
        let command = command.envs(self.settings.iter().cloned()).stderr(Stdio::null());
        self.instances.push((port, Server::start_as(command)));
    }

    fn token(&self, who: &str) -> String {
        let form = [("username", &*format!("{who}@example.test")), ("password", "lorem-ipsum")];
        let mut answer = agent().post(self.at(0, "/token")).send_form(form).unwrap();
        let answer: Value = answer.body_mut().read_json().unwrap();
        format!("Bearer {}", answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")))
    }

    fn at(&self, instance: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.instances[instance].0)
    }

    fn admit(&self, instance: usize, token: &str, id: &str) -> Value {
        let sent = agent().post(self.at(instance, "/patients")).header("authorization", token);
        let new = json!({ "patient_id": id, "name": "Ines Okafor", "born": 1968, "place": "Harbour" });
        let mut answer = sent.send_json(new).unwrap();
        assert_eq!(answer.status(), 201);
        answer.body_mut().read_json().unwrap()
    }

    fn follow(&self, instance: usize, token: &str, last: Option<&str>) -> Followed {
        let mut request = agent().get(self.at(instance, "/patients/live")).header("authorization", token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.call().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Followed { lines: BufReader::new(answer.into_body().into_reader()), last: String::new() }
    }
}

struct Followed {
    lines: BufReader<BodyReader<'static>>,
    last: String,
}

impl Followed {
    /// The next event and its data; `None` at the end.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut kind = None;
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => {
                    kind = Some(name.to_owned());
                    self.last.clear();
                }
                Some(("data", data)) => return Some((kind?, serde_json::from_str(data).unwrap())),
                Some(("id", id)) => id.clone_into(&mut self.last),
                _ => {}
            }
        }
    }

    /// Reads the id that stands behind the events of one moment.
    fn last(&mut self) -> String {
        while self.last.is_empty() {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0);
            if let Some(id) = line.trim_end().strip_prefix("id: ") {
                id.clone_into(&mut self.last);
            }
        }
        std::mem::take(&mut self.last)
    }
}

/// What one instance writes the readers of the other are told of, and what they miss they get from either.
fn instances_tell_of_each_other(mut world: World) {
    let (clinician, admin) = (world.token("clinician"), world.token("admin"));
    let mut events = world.follow(0, &clinician, None);
    assert_eq!(events.next().unwrap().0, "ready");
    let (_, _) = (events.last(), world.admit(1, &admin, "P-0"));
    for (instance, id) in [(1, "P-1"), (0, "P-2")] {
        let patient = world.admit(instance, &clinician, id);
        assert_eq!(events.next().unwrap(), ("created".into(), patient));
    }
    let last = events.last();
    let missed = world.admit(1, &clinician, "P-3");
    // The one that was read from is gone.
    world.instances.remove(0);
    let mut events = world.follow(0, &clinician, Some(&last));
    assert_eq!(events.next().unwrap(), ("created".into(), missed));
    assert_eq!(events.next().unwrap().0, "ready");
}

#[test]
fn two_processes_on_one_file_tell_of_each_others_writes() {
    instances_tell_of_each_other(World::start(vec![]));
}

mod postgres {
    use super::{World, instances_tell_of_each_other};
    use tollgate_testing::servers::Postgres;

    #[test]
    fn instances_on_postgres_tell_of_each_others_writes() {
        let url = format!("{}?schema=live_{}", Postgres::shared(), std::process::id());
        instances_tell_of_each_other(World::start(vec![("LOREM_IPSUM_DATABASE__URL".into(), url)]));
    }
}

mod mongodb {
    use super::{World, instances_tell_of_each_other};
    use tollgate_testing::servers::Mongo;

    #[test]
    fn instances_on_mongodb_tell_of_each_others_writes() {
        let url = Mongo::shared().replace("/?", &format!("/live_{}?", std::process::id()));
        instances_tell_of_each_other(World::start(vec![("LOREM_IPSUM_DATABASE__URL".into(), url)]));
    }
}

#[test]
fn who_is_signed_out_or_disabled_is_told_nothing_more() {
    let world = World::start(vec![]);
    for (what, id) in [("sign-out", "P-1"), ("disable", "P-2")] {
        let token = world.token("clinician");
        let mut events = world.follow(1, &token, None);
        assert_eq!(events.next().unwrap().0, "ready");
        thread::sleep(Duration::from_millis(2500));
        let patient = world.admit(0, &token, id);
        assert_eq!(events.next().unwrap(), ("created".into(), patient), "a good token stays");
        let done = run(world.folder.path(), &["user", what, "clinician@example.test"]);
        let (_, start) = (stdout(&done), Instant::now());
        assert_eq!(events.next().unwrap().0, "refused");
        assert_eq!(events.next(), None);
        assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
    }
}

#[test]
fn a_stream_ends_with_its_token() {
    const SECRET: &str = "m1Xw8Zt0qLr5VbYc3NdKf7HsJg2PuEa9";
    let issuer = [
        ("PRESET", "secret"),
        ("ISSUER", "legacy"),
        ("AUDIENCE", "live"),
        ("SECRET", SECRET),
        ("ROLES", "[\"clinician\"]"),
    ];
    let settings = issuer.map(|(name, value)| (format!("LOREM_IPSUM_IDENTITY__ISSUERS__LEGACY__{name}"), value.into()));
    let world = World::start(settings.into());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "iss": "legacy", "aud": "live", "sub": "leo", "client_id": "ward", "iat": now, "exp": now + 5 });
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    let (mut events, start) = (world.follow(0, &format!("Bearer {token}"), None), Instant::now());
    assert_eq!(events.next().unwrap().0, "ready");
    assert_eq!(events.next().unwrap().0, "refused");
    assert_eq!(events.next(), None);
    assert!(start.elapsed() < SOON + LEEWAY, "{:?}", start.elapsed());
}

#[test]
fn open_streams_hold_up_no_shutdown() {
    let mut world = World::start(vec![]);
    let clinician = world.token("clinician");
    let mut streams: Vec<_> = (0..5).map(|_| world.follow(0, &clinician, None)).collect();
    assert!(streams.iter_mut().all(|events| events.next().is_some_and(|(kind, _)| kind == "ready")));
    let start = Instant::now();
    world.instances[0].1.signal("-TERM");
    assert!(world.instances[0].1.ended(), "in peace");
    assert!(start.elapsed() < SOON, "requests under way have 20 s: {:?}", start.elapsed());
    for mut events in streams {
        assert_eq!(events.next(), None, "and every stream has its end");
    }
}

#[test]
fn a_quiet_stream_is_kept() {
    let world = World::start(vec![
        ("LOREM_IPSUM_SERVER__IDLE_SECONDS".into(), "1".into()),
        ("LOREM_IPSUM_SERVER__REQUEST_SECONDS".into(), "1".into()),
        ("LOREM_IPSUM_SERVER__STALL_SECONDS".into(), "1".into()),
        ("LOREM_IPSUM_SERVER__REQUESTS".into(), "1".into()),
    ]);
    let clinician = world.token("clinician");
    let mut streams: Vec<_> = (0..4).map(|_| world.follow(0, &clinician, None)).collect();
    assert!(streams.iter_mut().all(|events| events.next().is_some()), "they take no place of a request");
    thread::sleep(Duration::from_secs(4));
    let patient = world.admit(0, &clinician, "P-1");
    for events in &mut streams {
        assert_eq!(events.next().unwrap(), ("created".into(), patient.clone()));
    }
}
