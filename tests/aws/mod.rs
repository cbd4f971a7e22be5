//! The product as a platform owner installs it: `infra/template.yaml` deployed by CloudFormation, the real program as its
//! functions, the real state machine. AWS is played by an emulator nobody here wrote, with identity policies and
//! trust policies enforced, so the roles of the templates are shown to suffice.
//!
//! What the emulator does not have, or has otherwise:
//! - The buckets' policies are left out of the template: they deny everything that is not TLS, and the emulator speaks
//!   plain HTTP here.
//! - It looks for rights on builds and their logs under other names than AWS; `installation.rs` adds what it asks for.
//! - It does not read `TimeoutSecondsPath`, so the test of expiry gives the state machine a `TimeoutSeconds`.
//! - An invalidation is complete at once and there are never too many; tests of those put `gate::Gate` before it.
//! - It has no metrics of executions, so the alarms on them never go off; all that is seen is that they can be made.
//! - A waiting `Ask` hides the error of its function, so a failing `Ask` is not shown here.
//! - Its CloudFormation passes over the TTL of tables; `infra.rs` compares the template with the program instead.
//! - It denies calls of CloudFront in another XML than CloudFront's.

mod addresses;
mod backend;
mod cdn;
mod crash;
mod credentials;
mod endings;
mod gate;
pub mod installation;
mod kept;
mod main_line;
mod maintenance;
mod profiles;
mod refused;
mod slices;
mod telegram;

pub use installation::Installation;
