//! The embedded storage of the `local` profile, driven through the AWS SDK.

mod access;
mod consistency;
mod folder;
mod listing;
mod multipart;
mod objects;
mod records;
mod support;

pub use support::dynamodb_client;
