//! Asking the person at the terminal.

use super::error::CliError;
use std::io;

/// Asks a question that is answered with yes or no; anything but yes is a no.
pub async fn ask(question: &str) -> Result<bool, CliError> {
    let question = question.to_owned();
    let read = move || {
        anstream::eprint!("{question} [y/N] ");
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    };
    let line = tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| CliError::failed("Asking ended unexpectedly."))?
        .map_err(|error| CliError::failed(format!("The answer could not be read: {error}.")))?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
