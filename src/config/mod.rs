//! Settings from the environment: the only code that reads environment variables. Everything is parsed once, when the
//! program starts, into one typed value per area, and every bad value is reported together with its variable and the
//! accepted form.
//!
//! The AWS SDK loads its own `AWS_*` variables; `aws::settings` makes clients of those.

mod approvals;
mod backend;
mod client;
mod environment;
mod error;
mod hosted;
mod parse;
mod reader;
mod server;
mod telegram;
mod variables;

pub use approvals::ApprovalConfig;
pub use backend::BackendConfig;
pub use client::{data_dir, log_directives, runs_in_lambda, set_aws_variables, user_name};
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use hosted::{StateMachines, StorageConfig};
pub use server::ServerConfig;
pub use telegram::{Approvers, BotConfig, BotCredentials, BotToken, Intake, TelegramConfig, WebhookSecret};
pub use variables::{Area, UnknownVariable, VARIABLES, Variable, unknown};

use crate::domain::profile::Profile;
use reader::Reader;
use telegram::Host;

/// The settings that every server has.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The server's addresses and the size of its answers.
    pub server: ServerConfig,
    /// How long requests wait for a decision and how many a caller may have.
    pub approvals: ApprovalConfig,
    /// The external id that Bouncer presents when it assumes a project's role.
    pub external_id: Option<String>,
    /// Backend deploys; `None` where they are not set up.
    pub backend: Option<BackendConfig>,
    /// Approvals on Telegram; `None` where they are not set up.
    pub telegram: Option<TelegramConfig>,
}

/// The settings of an installation in an AWS account.
#[derive(Debug, Clone)]
pub struct HostedConfig {
    /// What it has in common with a local server.
    pub common: Config,
    /// Tables, buckets and secrets.
    pub storage: StorageConfig,
    /// The state machines that run its work.
    pub machines: StateMachines,
}

/// The settings of `bouncer serve`, by profile.
#[derive(Debug, Clone)]
pub enum ServeConfig {
    /// One process with embedded storage.
    Local(Config),
    /// A host that serves an installation in an AWS account.
    Aws(HostedConfig),
}

impl ServeConfig {
    /// Reads the settings of `bouncer serve`. `profile` is the one on the command line, which wins over the
    /// environment's.
    ///
    /// # Errors
    /// Lists every variable with a bad value, whichever profile uses it, and every one that is missing.
    pub fn load(environment: &Environment, profile: Option<Profile>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let named = server::profile(&mut reader);
        match profile.or(named).unwrap_or(Profile::Local) {
            Profile::Local => {
                let (config, ..) = read(&mut reader, Host::Machine);
                reader.finish()?;
                Ok(Self::Local(config))
            }
            Profile::Aws => read_hosted(reader, Host::Server).map(Self::Aws),
        }
    }
}

impl HostedConfig {
    /// Reads the settings of the Lambda function.
    ///
    /// # Errors
    /// Lists every variable with a bad value, and every one that is missing.
    pub fn of_function(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        if server::profile(&mut reader) == Some(Profile::Local) {
            let why = "a Lambda function serves the aws profile";
            reader.report(Problem::Conflict(format!("{} is 'local', but {why}", variables::PROFILE.name)));
        }
        read_hosted(reader, Host::Function)
    }
}

/// Reads the settings of the bot alone, for registering its webhook.
///
/// # Errors
/// Lists every variable of the bot with a bad value; no bot at all is an error too.
pub fn bot(environment: &Environment) -> Result<BotConfig, ConfigError> {
    let mut reader = Reader::new(environment);
    let bot = telegram::bot(&mut reader);
    reader.finish_with(bot, telegram::no_bot)
}

fn read_hosted(mut reader: Reader<'_>, host: Host) -> Result<HostedConfig, ConfigError> {
    let (common, storage, machines) = read(&mut reader, host);
    let machines = reader.finish_with(machines, || hosted::missing(&variables::STATE_MACHINE_DEPLOY))?;
    Ok(HostedConfig { common, storage, machines })
}

/// Reads every area, so that a bad value is refused whether the profile uses it or not.
fn read(reader: &mut Reader<'_>, host: Host) -> (Config, StorageConfig, Option<StateMachines>) {
    client::check(reader);
    let config = Config {
        server: ServerConfig::read(reader),
        approvals: ApprovalConfig::read(reader),
        external_id: hosted::external_id(reader),
        backend: BackendConfig::read(reader),
        telegram: TelegramConfig::read(reader, host),
    };
    let storage = StorageConfig::read(reader);
    let machines = StateMachines::read(reader, host != Host::Machine);
    (config, storage, machines)
}

#[cfg(test)]
mod tests;
