//! `secret:KIND:NAME#KEY`: where a secret is kept.

use std::{fmt, path::PathBuf, str::FromStr};

/// Where a secret is kept, and which part of what is kept there it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) source: Source,
    /// Of a JSON object.
    pub(super) key: Option<String>,
}

/// Where secrets are kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A file, as Kubernetes and Docker mount them.
    File(PathBuf),
    /// AWS Secrets Manager: a name or an ARN.
    SecretsManager(String),
    /// AWS Systems Manager Parameter Store: a name or an ARN.
    ParameterStore(String),
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "a secret kept elsewhere is `secret:file:/path`, `secret:aws-sm:name#key` or \
                             `secret:aws-ssm:/path`; `#key` is one of a JSON object, and may be left out";
        let (kind, name) = text.strip_prefix("secret:").and_then(|rest| rest.split_once(':')).ok_or(FORMS)?;
        let (name, key) = match name.rsplit_once('#') {
            Some((name, key)) => (name, Some(key.to_owned())),
            None => (name, None),
        };
        let source = match kind {
            _ if name.is_empty() || key.as_ref().is_some_and(String::is_empty) => return Err(FORMS.into()),
            "file" => Source::File(name.into()),
            "aws-sm" => Source::SecretsManager(name.to_owned()),
            "aws-ssm" => Source::ParameterStore(name.to_owned()),
            _ => return Err(FORMS.into()),
        };
        Ok(Self { source, key })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(path) => write!(f, "secret:file:{}", path.display())?,
            Source::SecretsManager(name) => write!(f, "secret:aws-sm:{name}")?,
            Source::ParameterStore(name) => write!(f, "secret:aws-ssm:{name}")?,
        }
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "#{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn a_reference_says_where_and_which_part() {
        for text in [
            "secret:file:/run/secrets/password",
            "secret:aws-sm:my-app/sso-secrets#client_id",
            "secret:aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:films-AbCdEf#password",
            "secret:aws-ssm:/films/prod/url",
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        for text in ["secret:", "secret:hunter2", "secret:vault:hunter2", "secret:aws-sm:", "secret:aws-sm:hunter2#"] {
            let said = text.parse::<Reference>().unwrap_err();
            assert!(said.contains("secret:file:/path") && !said.contains("hunter2"), "{said}");
        }
    }
}
