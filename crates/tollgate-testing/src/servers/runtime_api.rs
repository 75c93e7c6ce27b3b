//! The runtime API of AWS Lambda, as small as it can be: it hands out what events it is told to, when it is told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Who asks for nothing in that time never will.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long a call may take, also by a calendar that is put forward.
const LONGEST: Duration = Duration::from_hours(24);

/// The API of one function.
#[derive(Debug)]
pub struct RuntimeApi {
    address: String,
    requests: Receiver<Call>,
}

/// Something that the function says, which waits for an answer.
#[derive(Debug)]
pub struct Call {
    /// The path, as in `/2018-06-01/runtime/invocation/next`.
    pub path: String,
    /// What was sent along.
    pub body: String,
    reply: Sender<String>,
}

impl RuntimeApi {
    /// Listens on a port of its own.
    ///
    /// # Panics
    /// If there is none.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}")).to_string();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || serve(connection, &sender));
            }
        });
        Self { address, requests }
    }

    /// What the runtime tells a function in its environment.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", "function".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".into()),
        ]
    }

    /// What the function says next.
    ///
    /// # Panics
    /// If it says nothing for a minute.
    pub fn heard(&self) -> Call {
        self.requests.recv_timeout(TIMEOUT).unwrap_or_else(|error| panic!("the function is silent: {error}"))
    }

    /// Hands out an event once one is asked for; what it is answered with.
    ///
    /// # Panics
    /// If the function says something else.
    pub fn invoke(&self, event: &str) -> String {
        let next = self.heard();
        assert!(next.asks(), "{} {}", next.path, next.body);
        next.hand_out("a-call", event);
        let answer = self.heard();
        let body = answer.body.clone();
        answer.accept();
        body
    }
}

impl Call {
    /// Whether it asks for an event.
    pub fn asks(&self) -> bool {
        self.path.ends_with("/invocation/next")
    }

    /// Answers with an event, under that id.
    pub fn hand_out(self, id: &str, event: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = (now + LONGEST).as_millis();
        self.answer(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:function\r\n\
             Content-Length: {}\r\n\r\n{event}",
            event.len()
        ));
    }

    /// Says that it was heard.
    pub fn accept(self) {
        self.answer("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    }

    fn answer(self, text: &str) {
        // Who has ended hears nothing more.
        let _ = self.reply.send(text.to_owned());
    }
}

/// One connection, until its end.
fn serve(connection: TcpStream, requests: &Sender<Call>) {
    let _ = connection.set_nodelay(true);
    let Ok(mut writer) = connection.try_clone() else { return };
    let mut reader = BufReader::new(connection);
    while let Some((path, body)) = read(&mut reader) {
        let (reply, answer) = channel();
        let is_heard = requests.send(Call { path, body, reply }).is_ok();
        let Some(answer) = is_heard.then(|| answer.recv().ok()).flatten() else { return };
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let path = line()?.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let header = line()?;
        match header.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}
