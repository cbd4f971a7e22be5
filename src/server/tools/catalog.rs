//! The table of tools: help, the tools of every kind, those of the core, and administration.

use super::help;
use crate::admin;
use crate::requests;
use crate::requests::kind::Kinds;
use crate::requests::tool::Tool;
use crate::tool;

/// Lists every tool, in the order in which help lists them.
#[rustfmt::skip]
pub(super) fn tools(kinds: Kinds) -> Vec<Tool> {
    let mut tools = vec![
        tool!("bouncer_help", Agent, help::HelpArguments => help::Help,
            |app, cx, args| help::help(&app, &cx, args),
            "Explains how to deploy with Bouncer, step by step, and lists the tools and limits that apply to you. Call it first."),
    ];
    tools.extend(kinds.all().flat_map(|kind| kind.tools()));
    tools.extend(requests::tools::tools());
    tools.extend(admin::tools::tools());
    tools
}
