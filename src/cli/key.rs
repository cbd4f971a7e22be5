//! `bouncer key …`.

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Render, table, time, visible, write_field, write_table};
use crate::domain::caller::Role;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// What can be done with API keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key; its text is shown this once
    #[command(
        after_help = "Examples:\n  bouncer key create ci --role agent\n  bouncer key create alice --role approver"
    )]
    Create {
        /// Who or what will hold it
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// List the keys, without their texts
    #[command(after_help = "Example:\n  bouncer key list")]
    List,
    /// Make a key useless at once
    #[command(after_help = "Example:\n  bouncer key revoke key-0123456789ab")]
    Revoke {
        /// The key's id, as `bouncer key list` shows it
        key_id: String,
    },
}

/// A role on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArg {
    /// Asks for deploys and uploads
    Agent,
    /// Decides requests of others
    Approver,
    /// Also manages projects and keys
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Agent => Role::Agent,
            RoleArg::Approver => Role::Approver,
            RoleArg::Admin => Role::Admin,
        }
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: KeyCommand) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Admin)?;
    match command {
        KeyCommand::Create { name, role } => {
            let arguments = json!({ "name": name, "role": Role::from(role) });
            context.printer.show(&client.call::<Created>("bouncer_key_create", &arguments).await?)?;
        }
        KeyCommand::List => context.printer.show(&client.call::<Listed>("bouncer_key_list", &json!({})).await?)?,
        KeyCommand::Revoke { key_id } => {
            let mut answer = client.call::<Revoked>("bouncer_key_revoke", &json!({ "key_id": key_id })).await?;
            answer.view.key_id = key_id;
            context.printer.show(&answer)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Debug, Deserialize)]
struct Created {
    key_id: String,
    name: String,
    role: String,
    key: String,
}

impl Render for Created {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "Made a key; keep its text now, it is not shown again")?;
        write_field(out, "id", Some(&self.key_id))?;
        write_field(out, "name", Some(&self.name))?;
        write_field(out, "role", Some(&self.role))?;
        write_field(out, "key", Some(&self.key))
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    keys: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    key_id: String,
    name: String,
    role: String,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    revoked: bool,
}

impl Render for Listed {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let mut rows = table(&["KEY", "NAME", "ROLE", "CREATED", "STATE"]);
        for row in &self.keys {
            let state = if row.revoked { "revoked" } else { "active" };
            rows.add_row([&*row.key_id, &visible(&row.name), &*row.role, &time(&row.created_at), state]);
        }
        write_table(out, &rows)
    }
}

#[derive(Debug, Deserialize)]
struct Revoked {
    #[serde(default)]
    key_id: String,
}

impl Render for Revoked {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "Revoked {}; it opens nothing any more", visible(&self.key_id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn screens() {
        let created: Created = serde_json::from_value(
            json!({"status": "ok", "key_id": "key-0123456789ab", "name": "ci", "role": "agent", "key": "bncr_00"}),
        )
        .unwrap();
        insta::assert_snapshot!("created", text_of(&created));
        let listed: Listed = serde_json::from_value(json!({"count": 2, "keys": [
            {"key_id": "key-0123456789ab", "name": "ci", "role": "agent", "created_at": "2026-01-02T03:04:05Z", "revoked": false},
            {"key_id": "key-ba9876543210", "name": "old\u{1b}[2J", "role": "admin", "created_at": "2025-01-02T03:04:05Z", "revoked": true},
        ]}))
        .unwrap();
        insta::assert_snapshot!("listed", text_of(&listed));
    }
}
