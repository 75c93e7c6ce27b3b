//! A line as a JSON object, with the names of the [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs).
//!
//! Every event of the framework keeps the short names that read well in Rust; [`name`] says what each is called outside. A
//! name with a dot is one of the schema's already. What the schema does not know is a label, and so is each short name of
//! everybody else: a `status` of theirs is not that of an answer.

use super::lines::Lines;
use jiff::Timestamp;
use std::{
    cell::RefCell,
    fmt::{self, Debug, Display, Write},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Tells what the work at hand is part of: calls the function with the name and the value of each thing there is to say.
pub type Scope = fn(&mut dyn FnMut(&'static str, &dyn Display));

/// The version of the schema.
const VERSION: &str = "9.0.0";

pub(super) struct Ecs {
    /// What every line ends with.
    service: String,
    scope: Scope,
    lines: Lines,
}

impl Ecs {
    pub(super) fn new([name, version, environment]: &[String; 3], scope: Scope, lines: Lines) -> Self {
        let mut service = String::new();
        for (key, value) in [("service.name", name), ("service.version", version), ("service.environment", environment)]
        {
            text(&mut service, key, value);
        }
        text(&mut service, "ecs.version", &VERSION);
        Self { service, scope, lines }
    }

    fn write(&self, line: &mut String, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut fields = Fields { line, message: String::new(), name: names(metadata.target()), said: vec![] };
        let _ = write!(fields.line, "{{\"@timestamp\":\"{:.6}\"", Timestamp::now());
        text(fields.line, "log.level", &level(*metadata.level()));
        event.record(&mut fields);
        let Fields { line, message, said, .. } = fields;
        text(line, "message", &message);
        text(line, "log.logger", &metadata.target());
        if let Some(dataset) = dataset(metadata.target()) {
            text(line, "event.dataset", &dataset);
        }
        (self.scope)(&mut |key, value| {
            if !said.contains(&name(key)) {
                text(line, name(key), value);
            }
        });
        line.push_str(&self.service);
        line.push_str("}\n");
    }
}

impl<S: Subscriber> Layer<S> for Ecs {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        LINE.with(|line| {
            // What displays itself may log, too: then the inner line has a buffer of its own.
            let mut own = String::new();
            let mut kept = line.try_borrow_mut().ok();
            let line = kept.as_deref_mut().unwrap_or(&mut own);
            line.clear();
            self.write(line, event);
            self.lines.push(line);
        });
    }
}

/// What is called how, in the order of the schema's documentation. Microseconds become nanoseconds on their way.
fn name(field: &'static str) -> &'static str {
    match field {
        "address" => "client.address",
        "request_id" => "http.request.id",
        "method" => "http.request.method",
        "status" => "http.response.status_code",
        "path" => "url.path",
        "trace" => "trace.id",
        "actor" | "user" => "user.id",
        "micros" => "event.duration",
        "action" => "event.action",
        "detail" | "reason" => "event.reason",
        "allowed" => "event.outcome",
        "error" | "problem" | "panic" => "error.message",
        "cause" => "error.stack_trace",
        "code" => "error.code",
        other => other,
    }
}

/// Streams that are looked at by themselves.
fn dataset(target: &str) -> Option<&'static str> {
    match target {
        "tollgate::request" => Some("tollgate.request"),
        "tollgate::audit" => Some("tollgate.audit"),
        _ => None,
    }
}

/// What names are called outside that stand in events of that target.
fn names(target: &str) -> fn(&'static str) -> &'static str {
    let rest = target.strip_prefix("tollgate").unwrap_or("-");
    if rest.is_empty() || rest.starts_with(':') || rest.starts_with('_') { name } else { |other| other }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

struct Fields<'l> {
    line: &'l mut String,
    message: String,
    name: fn(&'static str) -> &'static str,
    /// The names that are in the line already.
    said: Vec<&'static str>,
}

impl Fields<'_> {
    /// What a field is called outside, now that it is said.
    fn say(&mut self, field: &Field) -> &'static str {
        let name = (self.name)(field.name());
        self.said.push(name);
        name
    }

    fn text(&mut self, field: &Field, value: &dyn Display) {
        let name = self.say(field);
        text(self.line, name, value);
    }

    fn raw(&mut self, field: &Field, value: impl Display) {
        let name = self.say(field);
        key(self.line, name);
        let _ = write!(self.line, "{value}");
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.text(field, &format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            // A dash or nothing stands for what is not known, for people.
            _ if value.is_empty() || value == "-" => {}
            _ => self.text(field, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match (self.name)(field.name()) {
            "event.outcome" => self.text(field, &if value { "success" } else { "failure" }),
            _ => self.raw(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.raw(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let is_duration = (self.name)(field.name()) == "event.duration" && field.name() == "micros";
        self.raw(field, if is_duration { value.saturating_mul(1000) } else { value });
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.record_u64(field, u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() { self.raw(field, value) } else { self.record_debug(field, &value) }
    }
}

/// Names that are not the schema's become labels.
fn key(line: &mut String, name: &str) {
    line.push_str(",\"");
    if !name.contains('.') && name != "message" {
        line.push_str("labels.");
    }
    // Names come from code, where they are words.
    line.push_str(name);
    line.push_str("\":");
}

fn text(line: &mut String, name: &str, value: &dyn Display) {
    key(line, name);
    line.push('"');
    let _ = write!(Escaped(line), "{value}");
    line.push('"');
}

/// Writes the inside of a JSON string.
struct Escaped<'l>(&'l mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        // All of them are single bytes in UTF-8, and no part of another character.
        while let Some(at) = rest.bytes().position(|c| c < b' ' || matches!(c, b'"' | b'\\' | 0x7f)) {
            self.0.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'"' => self.0.push_str("\\\""),
                b'\\' => self.0.push_str("\\\\"),
                b'\n' => self.0.push_str("\\n"),
                b'\t' => self.0.push_str("\\t"),
                control => write!(self.0, "\\u{control:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scope(say: &mut dyn FnMut(&'static str, &dyn Display)) {
        say("request_id", &"of the request");
        say("actor", &"ann");
    }

    /// What is written, without the moment.
    fn lines(log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let lines = Lines::to(kept.clone());
        let service = ["myapi", "1.2.3", "prod"].map(str::to_owned);
        let ecs = Ecs::new(&service, scope, lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(ecs), log);
        lines.flush();
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let moment =
            |line: &str| line.split_once("Z\",").unwrap().1.replace(&format!(",\"ecs.version\":\"{VERSION}\"}}"), "");
        text.lines().map(moment).collect::<Vec<_>>().join("\n")
    }

    const SERVICE: &str = r#""service.name":"myapi","service.version":"1.2.3","service.environment":"prod""#;
    const LOGGER: &str = r#""log.logger":"tollgate_telemetry::log::ecs::tests""#;

    #[test]
    fn every_line_says_which_request_it_belongs_to_and_whose_that_is() {
        let said = lines(|| tracing::info!(book = 7, big = i128::MAX, late = true, share = 0.5, "lent"));
        let labels = format!(r#""labels.book":7,"labels.big":"{}","labels.late":true,"labels.share":0.5"#, i128::MAX);
        let scope = r#""http.request.id":"of the request","user.id":"ann""#;
        assert_eq!(said, format!(r#""log.level":"info",{labels},"message":"lent",{LOGGER},{scope},{SERVICE}"#));
    }

    #[test]
    fn what_an_event_says_itself_counts() {
        let said = lines(|| tracing::warn!(request_id = "its own", actor = "bob", micros = 5_u64, cause = "", "odd"));
        let own = r#""http.request.id":"its own","user.id":"bob","event.duration":5000"#;
        assert_eq!(said, format!(r#""log.level":"warn",{own},"message":"odd",{LOGGER},{SERVICE}"#));
    }

    /// A `status` of theirs is not that of an answer, and Elasticsearch refuses a text where it expects a number.
    #[test]
    fn what_an_app_logs_is_a_label_whatever_it_is_called() {
        let said = lines(|| {
            tracing::info!(target: "films", status = "shipped", user = 7, address = "1 Main St", micros = 5_u64, allowed = true, "order");
        });
        let own = r#""labels.status":"shipped","labels.user":7,"labels.address":"1 Main St","labels.micros":5,"labels.allowed":true"#;
        let scope = r#""http.request.id":"of the request","user.id":"ann""#;
        assert_eq!(
            said,
            format!(r#""log.level":"info",{own},"message":"order","log.logger":"films",{scope},{SERVICE}"#)
        );
    }

    #[test]
    fn no_name_comes_twice_though_two_short_ones_mean_it() {
        let said = lines(|| tracing::info!(user = "bob", text = ",\"http.request.id\":\"x\"", "invited"));
        assert_eq!(said.matches("\"user.id\":").count(), 1, "{said}");
        assert!(
            said.contains(r#""user.id":"bob""#) && said.contains(r#","http.request.id":"of the request""#),
            "{said}"
        );
    }

    #[test]
    fn nothing_that_is_logged_breaks_a_line_or_shows_a_secret() {
        let text = "a\"b\\c\nd\te\u{1}f\u{7f}ö Bearer abcdefgh.ijkl";
        let said = lines(|| tracing::error!(target: "tollgate::audit", allowed = false, text, "{text}"));
        let text = r#""a\"b\\c\nd\te\u0001f\u007fö Bearer [hidden]""#;
        let start = format!(r#""log.level":"error","event.outcome":"failure","labels.text":{text},"message":{text},"#);
        assert!(said.starts_with(&start), "{said}");
        assert!(said.contains(r#""event.dataset":"tollgate.audit""#), "{said}");
    }
}
