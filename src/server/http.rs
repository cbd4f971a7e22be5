//! The tools over plain HTTP, the decision, and what programs ask about the server itself.

use super::guard::refusal;
use super::tools::{CallError, Context, Tools};
use crate::domain::approver::Approver;
use crate::domain::channel::ChannelName;
use crate::domain::error::{ErrorCode, UserError};
use crate::policy::decision::Press;
use crate::requests::app::App;
use crate::requests::decide;
use crate::requests::decide::Decide;
use crate::requests::status::health;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Api {
    pub app: Arc<App>,
    pub tools: Arc<Tools>,
}

/// The tools.
pub(super) fn tools() -> Router<Api> {
    Router::new().route("/v1/tools", routing::get(list_tools)).route("/v1/tools/{name}", routing::post(call_tool))
}

/// The approver's decision and the server's health, which wait behind no tool call.
pub(super) fn control() -> Router<Api> {
    Router::new()
        .route("/v1/requests/{request_id}/decision", routing::post(post_decision))
        .route("/v1/health", routing::get(report_health))
}

/// `GET /healthz`: alive; needs no key and tells nothing else.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

async fn list_tools(State(api): State<Api>, Extension(context): Extension<Context>) -> Json<Value> {
    let tools: Vec<Value> = api
        .tools
        .offered(context.caller.role)
        .map(|tool| {
            json!({
                "name": tool.name,
                "description": tool.about,
                "input_schema": *tool.input,
                "output_schema": *tool.output,
            })
        })
        .collect();
    Json(json!({ "tools": tools }))
}

async fn call_tool(
    State(api): State<Api>,
    Extension(context): Extension<Context>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let arguments = match json_body(&body) {
        Ok(arguments) => arguments,
        Err(response) => return *response,
    };
    match api.tools.call(context, &name, arguments).await {
        Ok(answer) => Json(answer).into_response(),
        Err(CallError::UnknownTool(error) | CallError::Tool(error)) => refused(&error),
    }
}

async fn post_decision(
    State(api): State<Api>,
    Extension(context): Extension<Context>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    let body = match json_body(&body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let decision = match serde_json::from_value::<Decide>(body) {
        Ok(decision) => decision,
        Err(_) => {
            return refused(&UserError::invalid(
                "decision",
                "The decision must be 'approve' or 'deny'.",
                "Send {\"decision\": \"approve\"} or {\"decision\": \"deny\"}, with plan_hash, acknowledged_risks and reason as needed.",
            ));
        }
    };
    let press = Press {
        verdict: decision.decision,
        plan_hash: decision.plan_hash,
        acknowledged: decision.acknowledged_risks.unwrap_or(false),
    };
    let (approver, reason) = (Approver::from(&context.caller), decision.reason.as_deref());
    match decide::decide(&api.app, &approver, &request_id, press, reason, ChannelName::Http).await {
        Ok(decided) => Json(decided).into_response(),
        Err(error) => refused(&error),
    }
}

async fn report_health(State(api): State<Api>, Extension(context): Extension<Context>) -> Response {
    Json(health(&api.app, &context.caller).await).into_response()
}

fn json_body(bytes: &[u8]) -> Result<Value, Box<Response>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let sentence =
            format!("The request's body is not valid JSON (line {}, column {}).", error.line(), error.column());
        Box::new(refused(&UserError::invalid("body", sentence, "Send one JSON object.")))
    })
}

fn refused(error: &UserError) -> Response {
    refusal(status_code(error.code), error)
}

/// The status of an error.
pub(super) fn status_code(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::MissingParam | ErrorCode::InvalidParam | ErrorCode::ValidationError => StatusCode::BAD_REQUEST,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::UnknownProject | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict | ErrorCode::ProjectDisabled => StatusCode::CONFLICT,
        ErrorCode::PreflightFailed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited | ErrorCode::PendingLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::UpstreamError | ErrorCode::NotificationFailed => StatusCode::BAD_GATEWAY,
        ErrorCode::SystemError => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
