//! The signed HTTP API: signatures, endpoints, the client that sends and retries, one file for each product.

pub mod signature;
