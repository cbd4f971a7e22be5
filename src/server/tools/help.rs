//! `bouncer_help`: how to work with Bouncer, for an agent that sees it for the first time.

use super::Context;
use crate::domain::error::UserError;
use crate::requests::app::App;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_help`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct HelpArguments {
    /// Only the tool of this name.
    pub tool: Option<String>,
}

/// The answer of `bouncer_help`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Help {
    /// What Bouncer is and how a deploy goes.
    pub overview: &'static str,
    /// Step by step.
    pub steps: Vec<&'static str>,
    /// The tools you may call.
    pub tools: Vec<ToolHelp>,
    /// Your role.
    pub role: &'static str,
    /// Files and bytes accepted.
    pub limits: Vec<String>,
}

/// A tool in a sentence.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ToolHelp {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

pub(super) fn help(app: &App, context: &Context, args: HelpArguments) -> Result<Help, UserError> {
    let role = context.caller.role;
    let tools: Vec<ToolHelp> = super::catalog::tools()
        .into_iter()
        .filter(|tool| role >= tool.role)
        .filter(|tool| args.tool.as_deref().is_none_or(|name| name == tool.name))
        .map(|tool| ToolHelp { name: tool.name, about: tool.about })
        .collect();
    if let (true, Some(name)) = (tools.is_empty(), &args.tool) {
        let shown: String = name.chars().take(80).collect();
        return Err(UserError::not_found(format!("Unknown tool: {shown}"), "Call bouncer_help without arguments."));
    }
    let limits = &app.settings.limits;
    Ok(Help {
        overview: "Bouncer publishes sites after one human approval. You ask; an approver sees exactly what would change and decides; Bouncer does it. No call waits for the human: it answers at once with a request_id.",
        steps: vec![
            "Find the project's id with bouncer_project_list.",
            "Small site: bouncer_deploy_frontend with the files as base64. Large site: bouncer_request_frontend_presigned, PUT each file to its URL with the headers given, then bouncer_confirm_frontend_deploy with the same list.",
            "Poll bouncer_status with the request_id until status is completed, failed, denied, expired or cancelled; progress_hint says where it is, result how it ended.",
        ],
        tools,
        role: role.as_str(),
        limits: vec![
            format!(
                "inline: {} files, {} bytes in all, {} base64 characters a file",
                limits.inline_files, limits.inline_total_bytes, limits.inline_base64_chars
            ),
            format!("presigned: {} files, {} bytes in all", limits.presigned_files, limits.presigned_total_bytes),
            format!("upload batches: {} files", limits.batch_files),
        ],
    })
}
