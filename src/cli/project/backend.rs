//! `bouncer project backend`: where a project's backend comes from and goes to.

use crate::cli::error::CliError;
use crate::cli::output::write_field;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer project backend shop --repo acme/shop --stack shop-prod
  bouncer project backend shop --repo acme/shop --stack shop-prod --branch release --region eu-west-1 \\
    --role arn:aws:iam::123456789012:role/shop-deploy --param Stage=prod --param 'Title=The shop'
  bouncer project backend shop --mode auto_code
  bouncer project backend shop --role ''

What is not given stays as it is; an empty text takes a value away.";

/// The arguments of `project backend`.
#[derive(Debug, Default, clap::Args)]
pub struct BackendArgs {
    /// The project's id; a project that is not there is made
    name: String,
    /// The GitHub repository
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The branch that is deployed unless a deploy names another; main unless given
    #[arg(long)]
    branch: Option<String>,
    /// The stack's region; Bouncer's own unless given
    #[arg(long)]
    region: Option<String>,
    /// The IAM role that Bouncer assumes in the stack's account; an installation on AWS needs one
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// The IAM role that CloudFormation works with
    #[arg(long, value_name = "ARN")]
    cloudformation_role: Option<String>,
    /// The template's path in the repository; template.yaml unless given
    #[arg(long, value_name = "PATH")]
    template: Option<String>,
    /// A parameter of the stack; all that are given replace all that were set before
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    params: Vec<Parameter>,
    /// A secret that must have a value before a deploy is asked for
    #[arg(long, value_name = "ID")]
    secret: Option<String>,
    /// The secret with the GitHub token, where it is not the installation's
    #[arg(long, value_name = "ID")]
    github_secret: Option<String>,
    /// When an approver is asked before a deploy begins
    #[arg(long)]
    mode: Option<Mode>,
    /// The id or name of a key that may ask for deploys; all that are given replace all that were set before
    #[arg(long, value_name = "KEY")]
    allow: Vec<String>,
    /// Whether GitHub is told of deploys
    #[arg(long, value_name = "true|false", value_parser = clap::value_parser!(bool), hide_possible_values = true)]
    github_status: Option<bool>,
}

/// When an approver is asked.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// Always
    Manual,
    /// Unless the template is as it was deployed last, or changed harmlessly
    AutoCode,
    /// Never; infrastructure changes still wait for an approval
    AutoAll,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Mode::Manual => "manual",
            Mode::AutoCode => "auto_code",
            Mode::AutoAll => "auto_all",
        }
    }
}

/// A parameter's name and value; `None` is the empty text that takes all of them away.
type Parameter = Option<(String, String)>;

fn parameter(text: &str) -> Result<Parameter, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_owned(), value.to_owned()))),
        _ => Err("expected a form such as Stage=prod".into()),
    }
}

impl BackendArgs {
    /// The tool's arguments; what was not given is left out, so that it stays as it is.
    pub fn into_json(self) -> Result<Value, CliError> {
        let texts = [
            ("git_repo", self.repo),
            ("stack_name", self.stack),
            ("default_branch", self.branch),
            ("stack_region", self.region),
            ("target_role_arn", self.role),
            ("cloudformation_role_arn", self.cloudformation_role),
            ("sam_template_path", self.template),
            ("secrets_id", self.secret),
            ("github_pat_secret", self.github_secret),
        ];
        let mut arguments = Map::new();
        arguments.insert("project".into(), json!(self.name));
        arguments.extend(texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
        if !self.params.is_empty() {
            arguments.insert("sam_params".into(), Value::Object(parameters(self.params)?));
        }
        if let Some(mode) = self.mode {
            arguments.insert("deploy_mode".into(), json!(mode.as_str()));
        }
        if !self.allow.is_empty() {
            let keys: Vec<String> = self.allow.into_iter().filter(|key| !key.is_empty()).collect();
            arguments.insert("allowed_deployers".into(), json!(keys));
        }
        if let Some(told) = self.github_status {
            arguments.insert("github_status".into(), json!(told));
        }
        Ok(Value::Object(arguments))
    }
}

fn parameters(given: Vec<Parameter>) -> Result<Map<String, Value>, CliError> {
    let mut parameters = Map::new();
    for (name, value) in given.into_iter().flatten() {
        if parameters.insert(name.clone(), json!(value)).is_some() {
            return Err(CliError::usage(format!("The parameter '{name}' is given twice."))
                .hint("Give each --param once; nothing was changed."));
        }
    }
    Ok(parameters)
}

/// Of a new backend without repository or stack: which options name them.
pub fn with_options(error: CliError) -> CliError {
    let option = match error.details.get("parameter").and_then(Value::as_str) {
        Some("git_repo") => "--repo OWNER/NAME",
        Some("stack_name") => "--stack NAME",
        _ => return error,
    };
    error.hint(format!("Call again with {option}; nothing was changed."))
}

/// A project's backend, as the tools tell of it. They name its parameters only.
#[derive(Debug, Deserialize)]
pub struct BackendView {
    /// The repository.
    pub git_repo: String,
    /// The branch.
    #[serde(default)]
    pub default_branch: String,
    #[serde(default)]
    sam_template_path: String,
    /// The stack.
    pub stack_name: String,
    stack_region: Option<String>,
    target_role_arn: Option<String>,
    #[serde(default)]
    parameters: Vec<String>,
    /// When an approver is asked.
    #[serde(default)]
    pub deploy_mode: String,
    deployed_commit: Option<String>,
}

impl BackendView {
    /// Writes it as fields.
    pub fn render(&self, out: &mut dyn Write) -> fmt::Result {
        write_field(out, "repository", Some(&self.git_repo))?;
        write_field(out, "branch", Some(&self.default_branch))?;
        write_field(out, "template", Some(&self.sam_template_path))?;
        let region = self.stack_region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
        write_field(out, "stack", Some(&format!("{}{region}", self.stack_name)))?;
        write_field(out, "stack role", self.target_role_arn.as_deref())?;
        let parameters = self.parameters.join(", ");
        write_field(out, "parameters", Some(parameters.as_str()).filter(|names| !names.is_empty()))?;
        write_field(out, "mode", Some(&self.deploy_mode))?;
        write_field(out, "deployed", Some(self.commit().as_deref().unwrap_or("nothing yet")))
    }

    /// The first digits of the commit that is deployed.
    pub fn commit(&self) -> Option<String> {
        Some(self.deployed_commit.as_ref()?.chars().take(7).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::cli::output::text_of;
    use crate::domain::error::ErrorCode;

    #[test]
    fn what_is_not_given_is_not_sent() {
        let args = BackendArgs { name: "shop".into(), mode: Some(Mode::AutoCode), ..BackendArgs::default() };
        assert_eq!(args.into_json().unwrap(), json!({"project": "shop", "deploy_mode": "auto_code"}));
    }

    #[test]
    fn everything_has_its_place() {
        let text = |text: &str| Some(text.to_owned());
        let args = BackendArgs {
            name: "shop".into(),
            repo: text("acme/shop"),
            stack: text("shop-prod"),
            branch: text("release"),
            region: text("eu-west-1"),
            role: text(""),
            cloudformation_role: text("arn:cfn"),
            template: text("infra/t.yaml"),
            params: vec![parameter("Stage=prod").unwrap(), parameter("Url=https://x/?a=b").unwrap()],
            secret: text("shop/secret"),
            github_secret: text("shop/github"),
            mode: Some(Mode::Manual),
            allow: vec!["ci".into()],
            github_status: Some(false),
        };
        insta::assert_json_snapshot!(args.into_json().unwrap());
    }

    #[test]
    fn an_empty_text_takes_lists_away() {
        let args = BackendArgs {
            name: "shop".into(),
            params: vec![parameter("").unwrap()],
            allow: vec![String::new()],
            ..BackendArgs::default()
        };
        let expected = json!({"project": "shop", "sam_params": {}, "allowed_deployers": []});
        assert_eq!(args.into_json().unwrap(), expected);
    }

    #[test]
    fn wrong_parameters_are_named() {
        assert!(parameter("Stage").is_err() && parameter("=x").is_err());
        let twice = vec![parameter("Stage=a").unwrap(), parameter("Stage=b").unwrap()];
        let error =
            BackendArgs { name: "shop".into(), params: twice, ..BackendArgs::default() }.into_json().unwrap_err();
        assert_eq!((error.exit, error.message.as_str()), (Exit::Usage, "The parameter 'Stage' is given twice."));
    }

    #[test]
    fn a_new_backend_needs_two_options() {
        let missing = CliError::new(Exit::Usage, ErrorCode::MissingParam, "The argument 'git_repo' is required.");
        let error = with_options(missing.with("parameter", json!("git_repo")));
        insta::assert_snapshot!(text_of(&error), @r"
        error: The argument 'git_repo' is required.
          parameter: git_repo
        hint: Call again with --repo OWNER/NAME; nothing was changed.
        ");
    }
}
