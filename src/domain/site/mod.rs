//! Defines the rules of a static site: paths, manifests, headers, releases, and what may be removed.

pub mod adoption;
pub mod contents;
pub mod headers;
pub mod invalidation;
pub mod manifest;
pub mod paths;
pub mod release;
pub mod removal;
