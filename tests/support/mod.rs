//! What black-box tests stand on: the real binary on a data folder of its own, clients for it, and sites to ship.
//!
//! Nothing here knows the inside of Bouncer. Every process started here ends with the value that started it, every
//! folder is temporary and every port is chosen by the operating system, so tests run beside each other.

mod boto;
mod browser;
mod calls;
mod cli;
mod cloudformation;
mod codebuild;
mod faults;
mod github;
mod groups;
mod http;
mod mcporter;
mod ministack;
mod node;
mod process;
mod python;
mod records;
mod redact;
mod selftest;
mod server;
mod site;
mod storage;
mod telegram;
mod wait;

pub use boto::Boto;
pub use browser::run_browser;
pub use calls::{CallProxy, Mishap};
pub use cli::Cli;
pub use cloudformation::{Change, CloudFormation};
pub use codebuild::{CodeBuild, Outcome};
pub use faults::{Fault, FaultProxy};
pub use github::{Github, REPOSITORY, TOKEN};
pub use groups::{group_of, groups, is_below};
pub use http::{answer, listen, text};
pub use mcporter::{Mcporter, Transport};
pub use ministack::{Ministack, kill};
pub use node::{Forwarder, run_node_tool};
pub use process::{Finished, run_program};
pub use python::python_tool;
pub use records::Item;
pub use redact::{Sheet, redact};
pub use server::{Credentials, Options, Role, Server};
pub use site::{Site, SiteFile};
pub use storage::{Storage, Stored, make_older};
pub use telegram::{BOT_TOKEN, ChatMessage, Mishap as BotMishap, Telegram};
pub use wait::{DEADLINE, wait_until};
