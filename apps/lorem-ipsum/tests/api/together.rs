//! Three instances with one PostgreSQL and one Redis behind nginx, as in production: to who calls, they are one app.

mod postgres {
    mod redis {
        mod nginx {
            use crate::process::{Server, command};
            use serde_json::{Value, json};
            use std::{
                process::Stdio,
                sync::atomic::{AtomicBool, AtomicUsize, Ordering},
                thread,
                time::{Duration, Instant},
            };
            use tempfile::TempDir;
            use tollgate_testing::servers::{Nginx, Postgres, Redis, free_port};
            use ureq::{Agent, Body, http::Response};

            const INSTANCES: usize = 3;
            /// Requests on a day with one API key, whichever instance they come to.
            const QUOTA: usize = 12;
            /// The best of the newest films, kept for all who may read films.
            const BEST: &str = "/movies/new?year=2020&rating=10";

            struct Together {
                ports: [u16; INSTANCES],
                settings: Vec<(String, String)>,
                folder: TempDir,
                proxy: Nginx,
                agent: Agent,
                _redis: Redis,
            }

            impl Together {
                /// What stands in front of the instances, and what they share.
                fn new(name: &str) -> Self {
                    let (port, ports, redis) = (free_port(), [(); INSTANCES].map(|()| free_port()), Redis::start());
                    let database = format!("{}?schema={name}_{}", Postgres::shared(), std::process::id());
                    let settings = [
                        ("DATABASE__URL", database),
                        ("REDIS__URL", redis.url()),
                        ("SERVER__PUBLIC_URL", format!("http://127.0.0.1:{port}")),
                        ("SERVER__PROXIES", "1".to_owned()),
                        ("SERVER__SHUTDOWN__WAIT_SECONDS", "1".to_owned()),
                        ("LIMITS__KEY", format!("{QUOTA} per day")),
                    ];
                    let settings = settings.map(|(name, value)| (format!("LOREM_IPSUM_{name}"), value)).into();
                    let proxy = Nginx::start(port, &ports);
                    let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
                    Self { ports, settings, folder: TempDir::new().unwrap(), proxy, agent, _redis: redis }
                }

                fn start(&self, port: u16) -> Server {
                    let mut command = command(self.folder.path(), &["--port", &port.to_string()]);
                    Server::start_as(command.envs(self.settings.iter().cloned()).stderr(Stdio::null()))
                }

                fn start_all(&self) -> Vec<Server> {
                    self.ports.iter().map(|port| self.start(*port)).collect()
                }

                /// Through the proxy.
                fn at(&self, path: &str) -> String {
                    format!("http://127.0.0.1:{}{path}", self.proxy.port())
                }

                fn token(&self, role: &str) -> String {
                    let form = [("username", &*format!("{role}@example.test")), ("password", "lorem-ipsum")];
                    let mut answer = self.agent.post(self.at("/token")).send_form(form).unwrap();
                    let answer: Value = answer.body_mut().read_json().unwrap();
                    format!("Bearer {}", answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")))
                }

                /// A new API key.
                fn key(&self, name: &str) -> String {
                    let wanted = json!({ "name": name, "scopes": ["read:movies"] });
                    let request = self.agent.post(self.at("/api-keys")).header("authorization", self.token("admin"));
                    let answer: Value = request.send_json(wanted).unwrap().body_mut().read_json().unwrap();
                    format!("Bearer {}", answer["secret"].as_str().unwrap_or_else(|| panic!("{answer}")))
                }

                /// How many requests more than there should be are served with a new API key.
                fn served(&self, name: &str) -> usize {
                    let key = self.key(name);
                    let statuses: Vec<_> = (0..QUOTA + 6)
                        .map(|_| self.get(self.proxy.port(), "/movies/1", ("authorization", &key)).status())
                        .collect();
                    assert!(statuses.iter().all(|status| [200, 429].contains(&status.as_u16())), "{statuses:?}");
                    statuses.iter().filter(|status| **status == 200).count()
                }

                /// An instance itself, or who stands in front of it.
                fn get(&self, port: u16, path: &str, header: (&str, &str)) -> Response<Body> {
                    let request = self.agent.get(format!("http://127.0.0.1:{port}{path}"));
                    request.header(header.0, header.1).call().unwrap()
                }

                /// Who a session is, to each instance: `None` if nobody.
                fn who(&self, cookie: &str) -> Vec<Option<String>> {
                    let who = |port: &u16| {
                        let mut answer = self.get(*port, "/api/me", ("cookie", cookie));
                        let me: Value = answer.body_mut().read_json().unwrap();
                        me["email"].as_str().map(str::to_owned)
                    };
                    self.ports.iter().map(who).collect()
                }

                fn sign_in(&self) -> String {
                    let form = [("email", "reader@example.test"), ("password", "lorem-ipsum")];
                    let origin = self.at("");
                    let login = self.agent.post(self.at("/auth/login")).header("origin", &origin).send_form(form);
                    let cookie = login.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
                    cookie.split(';').next().unwrap().to_owned()
                }
            }

            #[test]
            fn no_caller_chooses_the_id_of_their_request() {
                let together = Together::new("ids");
                let _instance = together.start(together.ports[0]);
                let answer = together.get(together.proxy.port(), "/livez", ("x-request-id", "chosen-by-me"));
                let id = answer.headers()["x-request-id"].to_str().unwrap();
                assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
                let direct = together.get(together.ports[0], "/livez", ("x-request-id", "from-the-proxy"));
                assert_eq!(direct.headers()["x-request-id"], "from-the-proxy", "whoever reaches the app is believed");
            }

            #[test]
            fn what_one_instance_keeps_the_others_find_and_what_one_writes_they_see() {
                let together = Together::new("kept");
                let _instances = together.start_all();
                let (admin, reader) = (together.token("admin"), together.token("reader"));
                let mut hits = 0;
                for round in 0..20 {
                    let film = json!({ "title": format!("Film {round}"), "released": 2024, "rating": 10.0 });
                    let change = together.agent.patch(together.at("/movies/1")).header("authorization", &admin);
                    assert_eq!(change.send_json(&film).unwrap().status(), 200);
                    for port in together.ports.iter().chain(&[together.proxy.port()]) {
                        let mut best = together.get(*port, BEST, ("authorization", &reader));
                        hits += usize::from(best.headers()["cache-status"] == "tollgate; hit");
                        let best: Value = best.body_mut().read_json().unwrap();
                        assert_eq!(best[0]["title"], film["title"], "round {round}, port {port}");
                    }
                }
                assert!(hits >= 30, "of 80 reads, three quarters are found: {hits}");
            }

            #[test]
            fn a_limit_counts_and_a_session_lasts_and_ends_over_all_instances() {
                let together = Together::new("counted");
                let _instances = together.start_all();
                // On a machine so busy that Redis does not answer in time, each instance counts by itself.
                let served: Vec<_> = (0..20).map(|turn| together.served(&format!("turn-{turn}"))).collect();
                assert!(served.iter().all(|served| *served >= QUOTA) && served.contains(&QUOTA), "{served:?}");

                let cookie = together.sign_in();
                assert_eq!(together.who(&cookie), [(); INSTANCES].map(|()| Some("reader@example.test".to_owned())));
                let (logout, origin) = (together.agent.post(together.at("/auth/logout")), together.at(""));
                let ended = logout.header("origin", &origin).header("cookie", &cookie).send_empty().unwrap();
                assert!(ended.status().as_u16() < 400, "{}", ended.status());
                thread::sleep(Duration::from_secs(1));
                assert_eq!(together.who(&cookie), vec![None; INSTANCES]);
            }

            #[test]
            fn instances_are_replaced_in_turn_and_nobody_notices() {
                let together = Together::new("replaced");
                let mut instances = together.start_all();
                let (reader, cookie) = (together.token("reader"), together.sign_in());
                let start = Instant::now();
                let (over, reads, writes) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
                let goes_on = || !over.load(Ordering::Relaxed) && start.elapsed() < Duration::from_mins(1);
                thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            while goes_on() {
                                let answer = together.get(together.proxy.port(), BEST, ("authorization", &reader));
                                assert_eq!(answer.status(), 200);
                                reads.fetch_add(1, Ordering::Relaxed);
                                thread::sleep(Duration::from_millis(5));
                            }
                        });
                        // A write that nginx has sent to one instance it sends to no other.
                        scope.spawn(|| {
                            while goes_on() {
                                let write = together.agent.post(together.at("/messages"));
                                let write =
                                    write.header("authorization", &reader).send_json(json!({ "text": "hello" }));
                                assert_eq!(write.unwrap().status(), 201);
                                writes.fetch_add(1, Ordering::Relaxed);
                                thread::sleep(Duration::from_millis(5));
                            }
                        });
                    }
                    for (instance, port) in instances.iter_mut().zip(together.ports) {
                        instance.signal("-TERM");
                        assert!(instance.ended(), "it ends in peace");
                        *instance = together.start(port);
                    }
                    over.store(true, Ordering::Relaxed);
                });
                let (reads, writes) = (reads.into_inner(), writes.into_inner());
                assert!(reads > 50 && writes > 50, "{reads} reads, {writes} writes");
                let mut all =
                    together.get(together.proxy.port(), "/messages?limit=1&total=true", ("authorization", &reader));
                let all: Value = all.body_mut().read_json().unwrap();
                assert_eq!(all["total"], writes, "each was done once");
                assert_eq!(together.who(&cookie), [(); INSTANCES].map(|()| Some("reader@example.test".to_owned())));
            }
        }
    }
}
