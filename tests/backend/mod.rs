//! Backend deploys, from asking to the stack: the real server, CloudFormation and S3 of an emulator, and stand-ins for
//! GitHub and CodeBuild.

mod asking;
mod crash;
mod endings;
mod faults;
mod main_line;
mod nested;
mod stopping;
mod telegram;
mod world;

pub use world::{STACK, Scripted, World};
