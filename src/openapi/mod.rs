//! The signed HTTP API: signatures, endpoints, the client that sends and retries, one file for each product.

pub mod client;
pub mod clock;
pub mod describe;
pub mod ecs;
pub mod endpoint;
pub mod kms;
pub mod lenient;
mod params;
pub mod region;
pub mod reply;
pub mod retry;
mod roa;
pub mod sae;
pub mod signature;
pub mod sts;
