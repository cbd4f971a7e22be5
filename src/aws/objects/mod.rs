//! S3: blobs, manifests, published buckets and build artifacts.

mod bucket;
mod client;
mod multipart;
mod object;
mod presign;

pub use bucket::Bucket;
pub use client::Objects;
pub use multipart::{MultipartUpload, Part};
pub use object::{Checksum, Headers, ListedObject, ObjectInfo, OpenObject};
pub use presign::{UploadTerms, UploadUrl};
