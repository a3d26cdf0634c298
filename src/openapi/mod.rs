//! The signed HTTP API: signatures, endpoints, the client that sends and retries, one file for each product.

pub mod client;
pub mod ecs;
pub mod endpoint;
pub(crate) mod kms;
pub(crate) mod lenient;
pub mod pages;
pub(crate) mod params;
pub(crate) mod region;
pub(crate) mod sae;
pub mod signature;
pub(crate) mod sts;
