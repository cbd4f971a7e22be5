//! `bouncer deploy cancel`: a deploy is stopped.

use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Answer, Render, visible, write_field};
use crate::cli::watch;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// Runs the command.
pub async fn run(context: &Context, client: &Client, id: &str) -> Result<Exit, CliError> {
    let deploy = watch::deploy_of(client, id).await?;
    let answer: Answer<Cancelled> = client.call("bouncer_deploy_cancel", &json!({ "deploy_id": deploy })).await?;
    context.printer.show(&answer)?;
    Ok(Exit::Done)
}

#[derive(Debug, Deserialize)]
struct Cancelled {
    deploy_id: String,
    #[serde(default)]
    message: String,
}

impl Render for Cancelled {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let deploy = visible(&self.deploy_id);
        writeln!(out, "Cancelled: {deploy}")?;
        write_field(out, "what", Some(&self.message).filter(|text| !text.is_empty()).map(String::as_str))?;
        write_field(out, "look", Some(&format!("bouncer deploy status {deploy}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::text_of;

    #[test]
    fn what_was_stopped_is_said() {
        let cancelled: Cancelled = serde_json::from_value(json!({
            "status": "cancelled", "deploy_id": "deploy-0123456789abcdef", "message": "The deploy was stopped.",
        }))
        .unwrap();
        insta::assert_snapshot!(text_of(&cancelled), @r"
        Cancelled: deploy-0123456789abcdef
          what        The deploy was stopped.
          look        bouncer deploy status deploy-0123456789abcdef
        ");
    }
}
