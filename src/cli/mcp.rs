//! `bouncer mcp`: the server's tools over MCP on stdin and stdout. Nothing else is ever written to stdout.

use super::client::Reply;
use super::connection::Connection;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::signals;
use crate::domain::caller::Role;
use crate::domain::error::ErrorCode;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Example of a client's configuration, which makes it run `bouncer mcp`:
  {\"mcpServers\": {\"bouncer\": {\"command\": \"bouncer\", \"args\": [\"mcp\"]}}}

The server may start before or after this command. It calls with the data folder's agent key unless --key is given.";

/// Runs the command until stdin ends.
pub async fn run(context: &Context) -> Result<Exit, CliError> {
    let forwarder = Forwarder { connection: context.connection.clone() };
    let broken = |error: &dyn std::fmt::Display| CliError::failed(format!("The MCP connection broke: {error}."));
    let service = forwarder.serve(rmcp::transport::stdio()).await.map_err(|error| broken(&error))?;
    tokio::select! {
        outcome = service.waiting() => outcome.map(|_| Exit::Done).map_err(|error| broken(&error)),
        () = signals::interrupted() => Ok(Exit::Done),
    }
}

/// Forwards every call to the server, which it looks for anew each time: the server may restart or move meanwhile.
#[derive(Debug, Clone)]
struct Forwarder {
    connection: Connection,
}

/// A tool as the server describes it.
#[derive(Deserialize)]
struct Described {
    name: String,
    description: String,
    input_schema: JsonObject,
    output_schema: Option<JsonObject>,
}

impl From<Described> for Tool {
    fn from(tool: Described) -> Self {
        let listed = Tool::new(tool.name, tool.description, Arc::new(tool.input_schema));
        match tool.output_schema {
            Some(schema) => listed.with_raw_output_schema(Arc::new(schema)),
            None => listed,
        }
    }
}

impl Forwarder {
    async fn tools(&self) -> Result<Vec<Tool>, CliError> {
        let reply = self.connection.client(Role::Agent)?.tools().await?;
        if !reply.status.is_success() {
            return Err(CliError::from_answer(reply.body));
        }
        let tools: Vec<Described> = reply
            .body
            .get("tools")
            .and_then(|tools| Vec::deserialize(tools).ok())
            .ok_or_else(|| CliError::failed("The server's list of tools is not understood."))?;
        Ok(tools.into_iter().map(Tool::from).collect())
    }

    async fn call(&self, name: &str, arguments: &JsonObject) -> Result<Reply, CliError> {
        self.connection.client(Role::Agent)?.call_raw(name, arguments).await
    }
}

impl ServerHandler for Forwarder {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bouncer", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Bouncer deploys to AWS after one human approval. Ask with a deploy tool, then poll bouncer_status with the \
                 request_id until it has ended. bouncer_help explains every tool.",
            )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.tools().await.map_err(|error| ErrorData::internal_error(full_sentence(&error), None))?;
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        match self.call(&request.name, &arguments).await {
            Ok(reply) => outcome(reply).map(Into::into),
            Err(error) => Ok(failure(error.answer()).into()),
        }
    }

    /// A call without a name or with parameters of another shape arrives here; it is a bad call, not a missing method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call" {
            return Err(ErrorData::invalid_params(
                "tools/call needs a 'name' and, if any, 'arguments' as an object.",
                None,
            ));
        }
        Err(ErrorData::new(rmcp::model::ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }
}

/// Which kind of answer a reply is over MCP.
fn outcome(reply: Reply) -> Result<CallToolResult, ErrorData> {
    if reply.status.is_success() {
        return Ok(CallToolResult::structured(Value::Object(reply.body)));
    }
    if is_bad_call(&reply.body) {
        let sentence = reply.body.get("error").and_then(Value::as_str).unwrap_or("The call is not valid.").to_owned();
        return Err(ErrorData::invalid_params(sentence, Some(Value::Object(reply.body))));
    }
    Ok(failure(Value::Object(reply.body)))
}

fn failure(answer: Value) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(answer.to_string())]);
    result.structured_content = Some(answer);
    result
}

/// Whether the call itself is wrong: an argument that is missing or no good, or a tool that does not exist.
fn is_bad_call(answer: &Map<String, Value>) -> bool {
    let code = answer.get("error_code").and_then(|code| ErrorCode::deserialize(code).ok());
    let says_unknown_tool =
        || answer.get("error").and_then(Value::as_str).is_some_and(|e| e.starts_with("Unknown tool"));
    match code {
        Some(ErrorCode::MissingParam | ErrorCode::InvalidParam) => true,
        Some(ErrorCode::NotFound) => says_unknown_tool(),
        _ => false,
    }
}

fn full_sentence(error: &CliError) -> String {
    match &error.hint {
        Some(hint) => format!("{} {hint}", error.message),
        None => error.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use serde_json::json;

    fn reply(status: u16, body: Value) -> Reply {
        Reply { status: StatusCode::from_u16(status).unwrap(), body: body.as_object().unwrap().clone() }
    }

    #[test]
    fn an_answer_is_structured_and_text() {
        let result = outcome(reply(200, json!({"status": "ok"}))).unwrap();
        assert_eq!((result.is_error, result.structured_content), (Some(false), Some(json!({"status": "ok"}))));
    }

    #[test]
    fn a_bad_call_is_a_protocol_error() {
        for (status, body) in [
            (400, json!({"error_code": "MISSING_PARAM", "error": "The argument 'project' is required."})),
            (400, json!({"error_code": "INVALID_PARAM", "error": "limit is out of range"})),
            (404, json!({"error_code": "NOT_FOUND", "error": "Unknown tool: x"})),
        ] {
            let error = outcome(reply(status, body.clone())).unwrap_err();
            assert_eq!(error.code, rmcp::model::ErrorCode::INVALID_PARAMS, "{body}");
            assert_eq!(error.message, body["error"].as_str().unwrap());
        }
    }

    #[test]
    fn any_other_error_is_one_of_the_tool() {
        for body in [
            json!({"error_code": "NOT_FOUND", "error": "There is no request req-0."}),
            json!({"status": "conflict", "hint": "wait"}),
            json!({"error_code": "SYSTEM_ERROR", "error": "…"}),
        ] {
            let result = outcome(reply(409, body.clone())).unwrap();
            assert_eq!((result.is_error, result.structured_content), (Some(true), Some(body)));
        }
    }
}
