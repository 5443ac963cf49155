//! Tests of the workspace and of the program as a whole that need no server and no model.

mod arrows;
mod errors;
mod fetch;
mod gateway;
mod help;
mod import;
mod init;
mod jobs;
mod plan;
mod program;
mod replay;
mod schema;
mod security;
