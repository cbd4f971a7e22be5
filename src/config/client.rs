//! What the command line reads itself: where its data is, what is logged, who runs it.

use super::environment::Environment;
use super::reader::Reader;
use super::variables::{DATA_DIR, LOG};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// The variable that Lambda's runtime sets.
const LAMBDA_RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";

/// Variables of the AWS SDK that change what a host deploys to.
const AWS_VARIABLES: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
];

/// Returns the data folder that the environment names.
pub fn data_dir(environment: &Environment) -> Option<PathBuf> {
    environment.get(DATA_DIR.name).map(PathBuf::from)
}

/// Returns what is to be logged, in the syntax of `RUST_LOG`.
pub fn log_directives(environment: &Environment) -> Option<String> {
    environment.get(LOG.name).map(|text| text.to_string_lossy().into_owned())
}

/// Whether Lambda started this program.
pub fn runs_in_lambda(environment: &Environment) -> bool {
    environment.get(LAMBDA_RUNTIME).is_some()
}

/// Returns the name of the user, as far as the system says.
pub fn user_name(environment: &Environment) -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| environment.get(name)?.to_str().map(str::to_owned))
}

/// Returns the AWS SDK's variables that are set.
pub fn set_aws_variables(environment: &Environment) -> Vec<&'static str> {
    AWS_VARIABLES.into_iter().filter(|name| environment.get(name).is_some()).collect()
}

/// Refuses log directives that do not parse. Commands that only call a server ignore them instead.
pub(super) fn check(reader: &mut Reader<'_>) {
    reader.read(&LOG, |text| match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot be parsed ({error})")),
    });
}
