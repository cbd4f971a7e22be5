//! The command line: clap commands over the HTTP tools. Answers go to stdout, everything else to stderr.

mod audit;
mod changes;
mod client;
mod completions;
mod connection;
mod context;
#[cfg(feature = "local")]
mod demo;
mod deploy;
mod doctor;
mod error;
mod exit;
mod frontend;
mod key;
mod mcp;
mod output;
mod progress;
mod project;
mod prompt;
mod request;
mod serve;
mod signals;
mod stats;
mod telegram;
mod watch;

use crate::config;
use crate::config::{Environment, HostedConfig};
use crate::server::lambda;
use clap::Parser as _;
use connection::Connection;
use context::Context;
use error::CliError;
use exit::Exit;
use output::Printer;
use progress::Progress;
use std::io;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Ships software to AWS after one human approval
///
/// An agent or a developer asks, an approver sees exactly what would change and decides once, and Bouncer carries it
/// out. `bouncer demo` shows the whole of it on this machine.
#[derive(Debug, clap::Parser)]
#[command(name = "bouncer", version, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// The options that every command has.
#[derive(Debug, clap::Args)]
struct Options {
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Print without colours; so does the environment variable NO_COLOR
    #[arg(long, global = true)]
    no_color: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// See a site go live after one approval, on this machine, in one minute
    #[cfg(feature = "local")]
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    /// Run the server: records, storage, workflows, HTTP and MCP in one process
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArgs),
    /// Run as the Lambda function that infra/template.yaml makes; Lambda itself starts the program so
    #[command(after_help = "Lambda starts the program without arguments: bouncer lambda is then meant.")]
    Lambda,
    /// Add and show projects: where sites and backends go
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// Publish a static site
    #[command(subcommand)]
    Frontend(frontend::FrontendCommand),
    /// See and decide what waits for an approval
    #[command(subcommand)]
    Request(request::RequestCommand),
    /// See what is recorded of requests and decisions, and check that the record is whole
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Count requests by outcome and project, and see how long decisions took
    #[command(after_help = stats::EXAMPLES)]
    Stats(stats::StatsArgs),
    /// Deploy a backend, and see how deploys go and went
    #[command(subcommand)]
    Deploy(deploy::DeployCommand),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Tell Telegram where to call, for installations with a public address
    #[command(subcommand)]
    Telegram(telegram::TelegramCommand),
    /// Serve the tools over MCP on stdin and stdout
    #[command(after_help = mcp::EXAMPLES)]
    Mcp,
    /// Say what is configured, reachable and missing
    #[command(after_help = doctor::EXAMPLES)]
    Doctor,
    /// Print a completion script for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let environment = Environment::read();
    let Cli { mut options, command } = parse(&environment);
    if options.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    start_log(&command, &environment);
    warn_of_unknown_variables(&environment);
    options.connection.environment_data_dir = config::data_dir(&environment);
    let context = Context {
        printer: Printer { json: options.json },
        progress: Progress::on_stderr(),
        connection: options.connection,
        environment,
    };
    let outcome = run(&context, command);
    outcome
        .unwrap_or_else(|error| {
            context.printer.fail(&error);
            error.exit
        })
        .into()
}

/// Lambda starts its `bootstrap` without arguments.
fn parse(environment: &Environment) -> Cli {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() <= 1 && config::runs_in_lambda(environment) {
        return Cli::parse_from(["bouncer", "lambda"]);
    }
    Cli::parse_from(arguments)
}

fn run(context: &Context, command: Command) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("The program could not start its threads: {error}.")))?;
    let outcome = runtime.block_on(dispatch(context, command));
    // A thread may still wait for a line of stdin that nobody will type.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        #[cfg(feature = "local")]
        Command::Demo(args) => demo::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Lambda => {
            let config = HostedConfig::of_function(&context.environment)?;
            let outcome = lambda::run(config).await;
            outcome.map(|()| Exit::Done).map_err(|error| CliError::failed(serve::sentence(&error)))
        }
        Command::Project(command) => project::run(context, command).await,
        Command::Frontend(command) => frontend::run(context, command).await,
        Command::Request(command) => request::run(context, command).await,
        Command::Audit(command) => audit::run(context, command).await,
        Command::Stats(args) => stats::run(context, args).await,
        Command::Deploy(command) => deploy::run(context, command).await,
        Command::Key(command) => key::run(context, command).await,
        Command::Telegram(command) => telegram::run(context, command).await,
        Command::Mcp => mcp::run(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Completions(args) => completions::run(args),
    }
}

/// Warns of variables that look like Bouncer's and are not, such as misspelled ones.
fn warn_of_unknown_variables(environment: &Environment) {
    for unknown in config::unknown(environment) {
        let name = unknown.name;
        match unknown.near {
            Some(near) => tracing::warn!("the environment variable {name} has no meaning; did you mean {near}?"),
            None => tracing::warn!("the environment variable {name} has no meaning"),
        }
    }
}

/// Logs go to stderr; BOUNCER_LOG sets what is logged, in the syntax of RUST_LOG.
fn start_log(command: &Command, environment: &Environment) {
    let default = match command {
        // The storage's own protocol library reports every refused request as an error.
        Command::Serve(_) | Command::Lambda => "info,s3s=off",
        // A tool's error is the caller's to read; the protocol library need not log it as well.
        Command::Mcp => "warn,rmcp=error",
        #[cfg(feature = "local")]
        Command::Demo(_) => "error",
        _ => "warn",
    };
    let wanted = config::log_directives(environment);
    let filter = EnvFilter::builder().parse_lossy(wanted.as_deref().unwrap_or(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    match command {
        Command::Lambda => log.json().flatten_event(true).init(),
        _ => log.compact().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let commands: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!commands.is_empty() || help.contains("bouncer "), "{path} has no example");
            assert!(command.get_about().is_some(), "{path} says nothing about itself");
            commands.into_iter().for_each(|command| check(command, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn help() {
        fn collect(command: &mut clap::Command, path: &str, pages: &mut Vec<String>) {
            let path = format!("{path}{}", command.get_name());
            pages.push(format!("$ {path} --help\n{}", command.render_long_help()));
            for child in command.get_subcommands_mut().filter(|child| child.get_name() != "help") {
                collect(child, &format!("{path} "), pages);
            }
        }
        let mut pages = vec![];
        let mut command = Cli::command().term_width(100);
        command.build();
        collect(&mut command, "", &mut pages);
        insta::assert_snapshot!(pages.join("\n"));
    }
}
