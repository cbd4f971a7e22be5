//! The use cases, one file each, readable from top to bottom. Nothing here knows of HTTP, MCP or a command line.

pub mod ports;
