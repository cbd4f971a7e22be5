//! The Model Context Protocol, checked with clients that nobody here wrote and with bare JSON-RPC.

mod clients;
mod conformance;
mod protocol;
mod schemas;

/// The tools an agent must find.
const TOOLS: [&str; 12] = [
    "bouncer_confirm_frontend_deploy",
    "bouncer_confirm_upload",
    "bouncer_deploy_frontend",
    "bouncer_deploy_history",
    "bouncer_deploy_status",
    "bouncer_help",
    "bouncer_list_pending",
    "bouncer_project_list",
    "bouncer_request_frontend_presigned",
    "bouncer_request_presigned",
    "bouncer_request_presigned_batch",
    "bouncer_status",
];
