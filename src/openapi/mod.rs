//! The signed HTTP API: signatures, endpoints, the client that sends and retries, one file for each product.

mod acs3;
pub mod client;
pub(crate) mod clock;
pub mod describe;
pub mod ecs;
pub mod endpoint;
pub(crate) mod kms;
pub(crate) mod lenient;
pub(crate) mod pages;
pub(crate) mod params;
pub(crate) mod region;
pub(crate) mod reply;
pub mod retry;
pub(crate) mod sae;
pub mod signature;
pub(crate) mod sts;
