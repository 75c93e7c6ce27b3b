//! AWS Secrets Manager and Systems Manager Parameter Store, as the role that the app runs as.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use std::error::Error;
use tokio::sync::OnceCell;
use tollgate_core::{Secret, with_causes};

/// Found where every AWS SDK finds it: environment, profile, web identity, ECS, EC2.
#[derive(Default)]
pub(super) struct Aws(OnceCell<SdkConfig>);

impl Aws {
    /// The current version of a secret (`secretsmanager:GetSecretValue`).
    pub(super) async fn secret(&self, name: &str) -> Result<Secret, String> {
        let client = aws_sdk_secretsmanager::Client::new(self.config().await?);
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| words(error.code(), &error))?;
        let text = answer.secret_string.ok_or("it is binary, and a setting is text")?;
        Ok(text.into())
    }

    /// A parameter, decrypted (`ssm:GetParameter`, and `kms:Decrypt` where it has a key of one's own).
    pub(super) async fn parameter(&self, name: &str) -> Result<Secret, String> {
        let client = aws_sdk_ssm::Client::new(self.config().await?);
        let answer = client.get_parameter().name(name).with_decryption(true).send().await;
        let answer = answer.map_err(|error| words(error.code(), &error))?;
        let text = answer.parameter.and_then(|parameter| parameter.value).ok_or("it has no value")?;
        Ok(text.into())
    }

    async fn config(&self) -> Result<&SdkConfig, String> {
        let config = self.0.get_or_init(|| aws_config::defaults(BehaviorVersion::latest()).load()).await;
        config.region().map(|_| config).ok_or_else(|| "no AWS region is known; set AWS_REGION".into())
    }
}

/// What AWS said, by its code alone where it has one: its messages repeat names, its causes whole answers.
fn words(code: Option<&str>, error: &dyn Error) -> String {
    match code {
        Some("ResourceNotFoundException" | "ParameterNotFound") => "there is none of that name".into(),
        Some("AccessDeniedException") => "the role that the app runs as may not read it".into(),
        Some(code) => format!("AWS answers {code}"),
        None => with_causes(error),
    }
}
