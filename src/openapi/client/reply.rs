//! Reads an API's answer: a typed reply, or an error.

use crate::config::credentials::Credentials;
use crate::error::ApiError;
use crate::openapi::lenient;
use crate::openapi::signature::percent_encode;
use crate::printable;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

/// The most characters that are shown of an answer that is not the API's.
const LONGEST_GLANCE: usize = 200;

/// A whole HTTP reply.
pub(crate) struct HttpReply<'a> {
    /// The action that was called.
    pub(crate) action: &'a str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// An error reply, in the spelling of RPC or of ROA services.
#[derive(Deserialize)]
struct ErrorBody {
    /// SAE puts the HTTP status into `Code` and the code proper into this.
    #[serde(rename = "ErrorCode", default, deserialize_with = "lenient::text")]
    error_code: Option<String>,
    #[serde(
        rename = "Code",
        alias = "code",
        default,
        deserialize_with = "lenient::text"
    )]
    code: Option<String>,
    #[serde(
        rename = "Message",
        alias = "message",
        alias = "Msg",
        default,
        deserialize_with = "lenient::text"
    )]
    message: Option<String>,
    #[serde(
        rename = "RequestId",
        alias = "requestId",
        alias = "RequestID",
        default,
        deserialize_with = "lenient::text"
    )]
    request_id: Option<String>,
}

impl HttpReply<'_> {
    /// The typed reply, or the error that came instead. The credentials and the string that was
    /// signed are needed to keep them out of the error.
    ///
    /// # Errors
    /// The service's error; [`ApiError::UNEXPECTED`] if the reply is not the API's at all. A reply
    /// that meant success is never quoted, as it may hold a session's token.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        credentials: &Credentials,
        string_to_sign: &str,
    ) -> Result<T, ApiError> {
        if (200..300).contains(&self.status) {
            return serde_json::from_slice(self.body).map_err(|error| self.not_the_type(&error));
        }
        if (300..400).contains(&self.status) {
            return Err(self.unexpected(tr!("the answer is a redirect, which is not followed")));
        }
        let reply = serde_json::from_slice(self.body);
        let reply = reply.ok().and_then(|reply: ErrorBody| {
            let code = reply.error_code.or(reply.code)?;
            let message = reply.message.unwrap_or_default();
            Some(ApiError {
                action: self.action.to_owned(),
                code,
                message: explain(&message, credentials, string_to_sign),
                request_id: reply.request_id,
                status: self.status,
                retry_after: None,
            })
        });
        Err(reply.unwrap_or_else(|| self.unexpected(&self.excerpt(credentials))))
    }

    /// An error of axt's own about a reply that makes no sense.
    pub(crate) fn unexpected(&self, message: &str) -> ApiError {
        ApiError::unexpected(self.action, self.status, message)
    }

    /// A 2xx reply that doesn't hold what it should.
    fn not_the_type(&self, error: &serde_json::Error) -> ApiError {
        // The error of serde_json would quote values.
        let place = tr!(
            "line {line}, column {column}",
            line = error.line(),
            column = error.column()
        );
        let length = self.body.len();
        self.unexpected(&if self.body.trim_ascii().is_empty() {
            tr!("the answer is empty").into()
        } else if error.is_data() {
            tr!("the answer has missing or mistyped fields ({place})", place)
        } else if self.body.trim_ascii_start().starts_with(b"<") {
            tr!(
                "the answer is {length} bytes of HTML or XML and not JSON",
                length
            )
        } else if error.is_eof() {
            tr!("the answer is truncated after {length} bytes", length)
        } else {
            tr!("the answer is not JSON ({place})", place)
        })
    }

    /// The beginning of an answer that is no error of the API's: a proxy's page, XML.
    fn excerpt(&self, credentials: &Credentials) -> String {
        let text = redact(&String::from_utf8_lossy(self.body), credentials);
        let line: String = printable::line(&text)
            .chars()
            .take(LONGEST_GLANCE)
            .collect();
        match line.is_empty() {
            true => tr!("the answer is empty").into(),
            false => tr!("the answer is not the API's: {line}", line),
        }
    }
}

/// The service's message, without what nobody else may read, and with what its code leaves out.
fn explain(message: &str, credentials: &Credentials, string_to_sign: &str) -> String {
    // A signature error repeats what the server would have signed: every parameter, the key's id.
    let lower = message.to_ascii_lowercase();
    let Some(at) = lower.find("server string to sign is") else {
        return redact(message, credentials);
    };
    let stated = message.get(..at).unwrap_or_default().trim_end();
    let verdict = if message.contains(string_to_sign) {
        tr!("(the server signed the same text, so the AccessKey secret is wrong)")
    } else {
        tr!("(the server signed another text than axt)")
    };
    redact(&format!("{stated} {verdict}"), credentials)
}

/// Takes secrets out and shortens the AccessKey id to its ends.
fn redact(text: &str, credentials: &Credentials) -> String {
    let token = credentials.security_token.as_ref();
    let secrets = [Some(&credentials.access_key_secret), token];
    let secrets = secrets.into_iter().flatten();
    let text = redacted(text, secrets.map(|secret| secret.expose_secret()));
    let id = credentials.access_key_id.as_str();
    if id.is_empty() {
        text
    } else {
        text.replace(id, &shortened(id))
    }
}

/// The text without these secrets, however a URL or a form spells them.
#[must_use]
pub(crate) fn redacted<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for spelling in [secret, &percent_encode(secret), &form] {
            // A secret of a few characters would tear any text apart; none is that short.
            if spelling.len() >= 8 {
                text = text.replace(spelling, "(redacted)");
            }
        }
    }
    text
}

/// The first and last four characters of an AccessKey id; of one too short for that, the first.
#[must_use]
pub(crate) fn shortened(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match characters.as_slice() {
        [a, b, c, d, middle @ .., w, x, y, z] if !middle.is_empty() => {
            String::from_iter([a, b, c, d]) + "…" + &String::from_iter([w, x, y, z])
        }
        [first, ..] => format!("{first}…"),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests;
