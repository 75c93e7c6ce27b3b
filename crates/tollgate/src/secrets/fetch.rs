//! One round: each place is asked once, whatever number of settings are kept there.

use super::{
    aws::Aws,
    reference::{Reference, Source},
};
use futures_util::future::join_all;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::timeout;
use tollgate_core::Secret;

/// How long a place may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What the places answered.
#[derive(Default)]
pub(super) struct Fetched(BTreeMap<Source, Result<Secret, String>>);

impl Fetched {
    /// Asks them.
    pub(super) async fn of(wanted: impl Iterator<Item = &Reference>) -> Self {
        let (places, aws) = (wanted.map(|wanted| &wanted.source).collect::<BTreeSet<_>>(), Aws::default());
        let ask = async |place: &Source| {
            let late = |_| Err(format!("no answer within {} s", TIMEOUT.as_secs()));
            let answer = timeout(TIMEOUT, Box::pin(read(place, &aws))).await.unwrap_or_else(late);
            (place.clone(), answer)
        };
        // All at once: those that do not answer are waited for together.
        Self(join_all(places.into_iter().map(ask)).await.into_iter().collect())
    }

    /// The secret, or in words why there is none.
    pub(super) fn secret(&self, reference: &Reference) -> Result<Secret, String> {
        let whole = self.0.get(&reference.source).ok_or("it was not asked for")?.clone()?;
        let found = reference.key.as_ref().map_or(Ok(whole.clone()), |key| member(&whole, key))?;
        // A file that is just being written is empty for a moment.
        if found.reveal().is_empty() { Err("it is empty".into()) } else { Ok(found) }
    }
}

/// That part of a JSON object.
fn member(whole: &Secret, key: &str) -> Result<Secret, String> {
    let object: Value = serde_json::from_str(whole.reveal()).unwrap_or_default();
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.as_str().into()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string().into()),
        Some(_) => Err(format!("its `{key}` is no text")),
        None if object.is_object() => Err(format!("it has no `{key}`")),
        None => Err(format!("it is no JSON object, which `#{key}` would be a part of")),
    }
}

async fn read(source: &Source, aws: &Aws) -> Result<Secret, String> {
    match source {
        Source::File(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| error.to_string())?;
            // Editors and `echo` end a file with a line break.
            Ok(text.strip_suffix('\n').map_or(text.as_str(), |text| text.trim_end_matches('\r')).into())
        }
        Source::SecretsManager(name) => aws.secret(name).await,
        Source::ParameterStore(name) => aws.parameter(name).await,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{fs, process::Command, thread};

    #[tokio::test]
    async fn what_is_empty_is_no_secret() {
        let folder = tempfile::TempDir::new().unwrap();
        for (content, key) in [("", ""), ("\n", ""), (r#"{"a": ""}"#, "#a")] {
            let file = folder.path().join("secret");
            fs::write(&file, content).unwrap();
            let reference: Reference = format!("secret:file:{}{key}", file.display()).parse().unwrap();
            let found = Fetched::of(std::iter::once(&reference)).await.secret(&reference);
            assert_eq!(found.unwrap_err(), "it is empty", "{content:?}");
        }
    }

    /// A pipe gives nothing until somebody writes, and whoever writes waits for somebody who reads.
    #[tokio::test]
    async fn places_are_asked_at_the_same_time() {
        let folder = tempfile::TempDir::new().unwrap();
        let pipes = ["a", "b"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        let [first, last] = pipes.clone();
        let writer = thread::spawn(move || [last, first].map(|pipe| fs::write(pipe, "secret").unwrap()));
        let wanted = pipes.map(|pipe| format!("secret:file:{}", pipe.display()).parse::<Reference>().unwrap());
        let fetched = timeout(Duration::from_secs(15), Fetched::of(wanted.iter())).await.unwrap();
        for reference in &wanted {
            assert_eq!(fetched.secret(reference).unwrap().reveal(), "secret");
        }
        writer.join().unwrap();
    }
}
