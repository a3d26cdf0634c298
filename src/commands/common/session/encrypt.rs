//! Prepares an encrypted session: random numbers, and for `kms:` a data key from KMS.

use crate::cli;
use crate::commands::common::context::Context;
use crate::error::{Error, Result};
use crate::openapi::client::Action as _;
use crate::openapi::ecs::{Encryption, StartTerminalSession};
use crate::openapi::endpoint::Product;
use crate::openapi::kms::GenerateDataKey;
use crate::protocol::crypto::{BLOCK, Exchange, KEY, KeyPair, KeySource};
use secrecy::ExposeSecret as _;
use std::io;
use zeroize::Zeroizing;

/// The key exchange of the session that `request` asks for; `None` for a plain one.
///
/// # Errors
/// As [`crate::openapi::client::Client::call`] when KMS is asked for a key. Before that, the reasons for which
/// [`StartTerminalSession`] would be refused.
pub(crate) async fn exchange(
    context: &Context,
    args: &cli::SessionArgs,
    request: &StartTerminalSession,
) -> Result<Option<Exchange>> {
    let Some(encryption) = &request.encryption else {
        return Ok(None);
    };
    if args.wss_url.is_none() {
        request.check()?;
    }
    let source = match encryption {
        Encryption::Auto => KeySource::Ecdhe(key_pair()?),
        Encryption::Kms(key_id) => data_key(context, args, key_id).await?,
    };
    let mut iv = [0; BLOCK];
    fill(&mut iv)?;
    Ok(Some(Exchange::new(iv, source)))
}

async fn data_key(context: &Context, args: &cli::SessionArgs, key_id: &str) -> Result<KeySource> {
    let client = context.client_at(Product::Kms, args.kms_endpoint.as_deref())?;
    let call = GenerateDataKey::under(key_id);
    let data_key = client.call(&call, args.connection.connect_timeout).await?;
    Ok(KeySource::Kms {
        key: data_key.bytes()?,
        ciphertext: data_key.ciphertext_blob.expose_secret().to_owned(),
    })
}

fn key_pair() -> Result<KeyPair> {
    let mut bytes = Zeroizing::new([0; KEY]);
    loop {
        fill(&mut *bytes)?;
        if let Some(pair) = KeyPair::from_random(&bytes) {
            return Ok(pair);
        }
    }
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::Io {
        what: tr!("the system gave no random numbers"),
        source: io::Error::other(error.to_string()),
    })
}
