//! One round: each place is asked once, whatever number of settings are kept there.

use super::{
    aws::Aws,
    reference::{Reference, Source},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;
use tollgate_core::Secret;

/// How long a place may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the places answered.
#[derive(Default)]
pub(super) struct Fetched(BTreeMap<Source, Result<Secret, String>>);

impl Fetched {
    /// Asks them.
    pub(super) async fn of(wanted: impl Iterator<Item = &Reference>) -> Self {
        let (mut answers, aws) = (BTreeMap::new(), Aws::default());
        for Reference { source, .. } in wanted {
            if !answers.contains_key(source) {
                let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
                let answer = timeout(PATIENCE, Box::pin(read(source, &aws))).await.unwrap_or_else(late);
                answers.insert(source.clone(), answer);
            }
        }
        Self(answers)
    }

    /// The secret, or in words why there is none.
    pub(super) fn secret(&self, reference: &Reference) -> Result<Secret, String> {
        let whole = self.0.get(&reference.source).ok_or("it was not asked for")?.clone()?;
        let Some(key) = &reference.key else { return Ok(whole) };
        let object: Value = serde_json::from_str(whole.reveal()).unwrap_or_default();
        match object.get(key) {
            Some(Value::String(text)) => Ok(text.as_str().into()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string().into()),
            Some(_) => Err(format!("its `{key}` is no text")),
            None if object.is_object() => Err(format!("it has no `{key}`")),
            None => Err(format!("it is no JSON object, which `#{key}` would be a part of")),
        }
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
