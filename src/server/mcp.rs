//! The tools over MCP: streamable HTTP at `/mcp`, without sessions, so that any process can answer any call.

use super::tools::{CallError, Context, Tools};
use crate::domain::error::{ErrorCode, UserError};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult, ErrorCode as RpcCode,
    ErrorData, Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use std::sync::Arc;

/// Answers MCP clients from the table of tools.
#[derive(Clone)]
pub(super) struct Mcp {
    tools: Arc<Tools>,
}

/// The service behind `/mcp`. Host, Origin and key are checked by the layers around it.
pub(super) fn service(tools: Arc<Tools>, max_body_bytes: usize) -> StreamableHttpService<Mcp, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(max_body_bytes);
    let handler = Mcp { tools };
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config)
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bouncer", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Bouncer publishes sites after one human approval. Call bouncer_help first; ask with \
                 bouncer_deploy_frontend or bouncer_request_frontend_presigned; then poll bouncer_status.",
            )
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = caller(&context)?;
        let tools = self
            .tools
            .offered(caller.caller.role)
            .map(|tool| {
                Tool::new(tool.name, tool.about, Arc::clone(&tool.input))
                    .with_raw_output_schema(Arc::clone(&tool.output))
            })
            .collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = caller(&context)?;
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        match self.tools.call(caller, &request.name, arguments).await {
            Ok(answer) => Ok(CallToolResult::structured(answer).into()),
            Err(CallError::UnknownTool(error)) => Err(invalid_params(&error)),
            Err(CallError::Tool(error)) if is_argument_error(&error) => Err(invalid_params(&error)),
            Err(CallError::Tool(error)) => Ok(CallToolResult::structured_error(error.to_json()).into()),
        }
    }

    /// A `tools/call` whose parameters do not fit lands here; it is a fault of the parameters, not of the method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call" {
            return Err(ErrorData::invalid_params("tools/call needs params with a name and an arguments object", None));
        }
        Err(ErrorData::new(RpcCode::METHOD_NOT_FOUND, format!("Unknown method: {}", request.method), None))
    }
}

fn caller(context: &RequestContext<RoleServer>) -> Result<Context, ErrorData> {
    context
        .extensions
        .get::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<Context>())
        .cloned()
        .ok_or_else(|| ErrorData::internal_error("the call carries no identity", None))
}

fn is_argument_error(error: &UserError) -> bool {
    matches!(error.code, ErrorCode::MissingParam | ErrorCode::InvalidParam)
}

fn invalid_params(error: &UserError) -> ErrorData {
    ErrorData::invalid_params(error.message.clone(), Some(error.to_json()))
}
