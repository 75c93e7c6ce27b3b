//! Where a deployment's files are, and how Terraform is called there.

use super::{Target, Which, check_environment};
use crate::{Result, app::App, tools};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};

/// A deployment of which the composition was written.
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) environment: String,
    /// The app's folder.
    pub(super) app: PathBuf,
    /// What Terraform is told.
    variables: Value,
}

impl Place {
    /// Finds it.
    ///
    /// # Errors
    /// `init` did not write it yet, or its variables are not understood.
    pub(super) fn of(which: &Which, app: &App) -> Result<Self> {
        check_environment(&which.env)?;
        let (target, env) = (which.target, &which.env);
        let file = app.folder.join(variables_file(target, env));
        let text = fs::read_to_string(&file).map_err(|_| {
            let init = format!("tollgate deploy init --target {} --env {env}", target.name());
            format!("there is no {}: {init}", variables_file(target, env))
        })?;
        let variables = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { target, environment: env.clone(), app: app.folder.clone(), variables })
    }

    /// One that nobody wrote.
    #[cfg(test)]
    pub(super) fn with(target: Target, environment: &str, app: &std::path::Path, variables: Value) -> Self {
        Self { target, environment: environment.into(), app: app.into(), variables }
    }

    /// The folder with the composition, below the app's.
    pub(super) fn folder(&self) -> PathBuf {
        self.app.join(folder(self.target))
    }

    /// A variable that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables[name].as_str().filter(|text| !text.is_empty())
    }

    /// Whether there is one of those, as in `postgres`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables[name] == true
    }

    /// A variable as it is; null if it is not said.
    pub(super) fn value(&self, name: &str) -> &Value {
        &self.variables[name]
    }

    /// What commands about it are told, as in `--target ecs --env prod`.
    pub(super) fn flags(&self) -> String {
        format!("--target {} --env {}", self.target.name(), self.environment)
    }

    /// The region, which everything is in.
    ///
    /// # Errors
    /// It is not said.
    pub(super) fn region(&self) -> Result<&str> {
        let file = variables_file(self.target, &self.environment);
        Ok(self.text("region").ok_or_else(|| format!("{file} does not say the `region`"))?)
    }

    /// Terraform, in the folder of the composition; it asks nothing.
    pub(super) fn terraform(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.arg(format!("-chdir={}", folder(self.target))).args(arguments);
        command.current_dir(&self.app).env("TF_INPUT", "0").env("TF_IN_AUTOMATION", "1");
        command
    }

    /// The argument that names the variables.
    pub(super) fn variables_argument(&self) -> String {
        format!("-var-file={}.tfvars.json", self.environment)
    }

    /// The AWS command line, in the deployment's region.
    ///
    /// # Errors
    /// The region is not said.
    pub(super) fn aws(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new("aws");
        command.args(arguments).args(["--region", self.region()?]).current_dir(&self.app).env("AWS_PAGER", "");
        Ok(command)
    }

    /// The outputs of Terraform that are there.
    ///
    /// # Errors
    /// Terraform cannot be asked.
    pub(super) fn outputs(&self) -> Result<Outputs> {
        let text = tools::stdout(&mut self.terraform(&["output", "-json"]))?;
        Ok(Outputs(
            serde_json::from_str(&text).map_err(|error| format!("terraform output is not understood: {error}"))?,
        ))
    }
}

/// What Terraform says after it applied.
pub(super) struct Outputs(Value);

impl Outputs {
    /// An output that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0[name]["value"].as_str().filter(|text| !text.is_empty())
    }

    /// An output that is a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        self.0[name]["value"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// An output as it is.
    pub(super) fn value(&self, name: &str) -> &Value {
        &self.0[name]["value"]
    }
}

/// `infra/terraform/targets/lambda`
pub(super) fn folder(target: Target) -> String {
    format!("infra/terraform/targets/{}", target.name())
}

/// `infra/terraform/targets/lambda/prod.tfvars.json`
pub(super) fn variables_file(target: Target, environment: &str) -> String {
    format!("{}/{environment}.tfvars.json", folder(target))
}

/// `aws_rds_cluster.this` of `module.data.aws_rds_cluster.this`, and `data.…` of what Terraform only looks at.
pub(super) fn resource(address: &str) -> &str {
    let mut rest = address;
    while let Some((_, inner)) = rest.strip_prefix("module.").and_then(|module| module.split_once('.')) {
        rest = inner;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::resource;

    #[test]
    fn a_resource_of_the_module_data_is_no_data_source() {
        assert_eq!(resource("module.data.aws_rds_cluster.this[0]"), "aws_rds_cluster.this[0]");
        assert_eq!(resource("module.data.data.aws_region.current"), "data.aws_region.current");
        assert_eq!(resource("module.network[0].module.inner.aws_vpc.this"), "aws_vpc.this");
    }
}
