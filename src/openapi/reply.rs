//! What came back: a typed reply, or the error it is, whoever wrote it and in whatever format.

use crate::config::credentials::Credentials;
use crate::error::ApiError;
use quick_xml::events::Event;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most characters of a foreign message that are passed on.
const LONGEST_MESSAGE: usize = 500;

/// A whole HTTP reply.
pub struct Reply<'a> {
    /// The action that was called.
    pub action: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// The typed reply, or the error that came instead. The credentials and the string that was
    /// signed are needed to keep them out of the error.
    ///
    /// # Errors
    /// The service's error; [`ApiError::UNEXPECTED`] if the reply is not the API's at all. A reply
    /// that meant success is never quoted, as it may hold a session's token.
    pub fn read<T: DeserializeOwned>(
        &self,
        credentials: &Credentials,
        string_to_sign: &str,
    ) -> Result<T, ApiError> {
        if (200..300).contains(&self.status) {
            return serde_json::from_slice(self.body).map_err(|error| self.not_the_type(&error));
        }
        let mut error = match self.error() {
            Some(error) => error,
            None => {
                return Err(self.unexpected(&format!("the answer is {}", self.look(credentials))));
            }
        };
        error.message = readable(&explain(&error, credentials, string_to_sign));
        Err(error)
    }

    /// An error of axt's own about a reply that makes no sense.
    #[must_use]
    pub fn unexpected(&self, message: &str) -> ApiError {
        ApiError {
            action: self.action.to_owned(),
            code: ApiError::UNEXPECTED.to_owned(),
            message: message.to_owned(),
            request_id: None,
            status: self.status,
        }
    }

    fn error(&self) -> Option<ApiError> {
        let [code, message, request_id] = json_error(self.body).or_else(|| xml_error(self.body))?;
        Some(ApiError {
            action: self.action.to_owned(),
            code: readable(&code?),
            message: message.unwrap_or_default(),
            request_id: request_id.map(|id| readable(&id)),
            status: self.status,
        })
    }

    /// A 2xx reply that doesn't hold what it should.
    fn not_the_type(&self, error: &serde_json::Error) -> ApiError {
        // The error of serde_json would quote values.
        let place = format!("line {}, column {}", error.line(), error.column());
        self.unexpected(&if self.body.trim_ascii().is_empty() {
            "the answer is empty".into()
        } else if error.is_data() {
            format!("the answer lacks what it should hold, or holds it in another type ({place})")
        } else if self.body.trim_ascii_start().starts_with(b"<") {
            format!(
                "the answer is {} bytes of HTML or XML and not JSON",
                self.body.len()
            )
        } else if error.is_eof() {
            format!("the answer breaks off after {} bytes", self.body.len())
        } else {
            format!("the answer is not JSON ({place})")
        })
    }

    /// An error page in a few words.
    fn look(&self, credentials: &Credentials) -> String {
        let text = String::from_utf8_lossy(self.body);
        let words = scrub(&without_tags(&text), credentials);
        let words: String = readable(&words).chars().take(120).collect();
        match (words.is_empty(), text.trim_start().starts_with('<')) {
            (true, true) => "a page without text".into(),
            (true, false) => "empty".into(),
            (false, true) => format!("a page: {words}"),
            (false, false) => format!("not JSON: {words}"),
        }
    }
}

/// Code, message and request id of a JSON error, in the spelling of RPC or of ROA services.
fn json_error(body: &[u8]) -> Option<[Option<String>; 3]> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let field = |names: [&str; 3]| {
        names.iter().find_map(|name| match value.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    Some([
        // SAE puts the HTTP status into `Code` and the code proper into `ErrorCode`.
        field(["ErrorCode", "Code", "code"]),
        field(["Message", "message", "Msg"]),
        field(["RequestId", "requestId", "RequestID"]),
    ])
}

/// The same of an XML error: `<Error><Code>…</Code>…</Error>`.
fn xml_error(body: &[u8]) -> Option<[Option<String>; 3]> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut path: Vec<String> = vec![];
    let mut fields = [None, None, None];
    loop {
        let piece = match reader.read_event().ok()? {
            Event::Start(tag) => {
                path.push(tag.name().as_ref().to_owned());
                continue;
            }
            Event::End(_) => {
                path.pop();
                continue;
            }
            Event::Text(text) => text.as_ref().to_owned(),
            Event::CData(text) => text.as_ref().to_owned(),
            Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                Some(character) => character.into(),
                None => quick_xml::escape::resolve_predefined_entity(name.as_ref())?.to_owned(),
            },
            Event::Eof => break,
            _ => continue,
        };
        let at = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["Error", "Code"] => 0,
            ["Error", "Message"] => 1,
            ["Error", "RequestId"] => 2,
            _ => continue,
        };
        fields
            .get_mut(at)?
            .get_or_insert_with(String::new)
            .push_str(&piece);
    }
    Some(fields)
}

/// The service's message, without what nobody else may read, and with what its code leaves out.
fn explain(error: &ApiError, credentials: &Credentials, string_to_sign: &str) -> String {
    let message = &error.message;
    // A signature error repeats what the server would have signed: every parameter, the key's id.
    let text = match message
        .to_ascii_lowercase()
        .find("server string to sign is")
    {
        Some(at) => {
            let stated = message.get(..at).unwrap_or_default().trim_end();
            let verdict = if message.contains(string_to_sign) {
                "(the server signed the same text, so the AccessKey secret is wrong)"
            } else {
                "(the server signed another text than axt)"
            };
            format!("{stated} {verdict}")
        }
        None => message.clone(),
    };
    scrub(&text, credentials)
}

/// Takes secrets out and shortens the AccessKey id to its ends.
fn scrub(text: &str, credentials: &Credentials) -> String {
    let mut text = text.to_owned();
    let token = credentials
        .security_token
        .as_ref()
        .map(|token| token.expose_secret());
    for secret in [Some(credentials.access_key_secret.expose_secret()), token]
        .into_iter()
        .flatten()
    {
        for spelling in [secret, &super::signature::percent_encode(secret)] {
            // A secret of a few characters would tear any text apart; none is that short.
            if spelling.len() >= 8 {
                text = text.replace(spelling, "(redacted)");
            }
        }
    }
    let id = credentials.access_key_id.as_str();
    if id.is_empty() {
        text
    } else {
        text.replace(id, &shortened(id))
    }
}

/// The first and last four characters of an AccessKey id; of one too short for that, the first.
#[must_use]
pub fn shortened(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match characters.as_slice() {
        [a, b, c, d, middle @ .., w, x, y, z] if !middle.is_empty() => {
            String::from_iter([a, b, c, d]) + "…" + &String::from_iter([w, x, y, z])
        }
        [first, ..] => format!("{first}…"),
        [] => String::new(),
    }
}

/// One line for a terminal: control characters and runs of white space become one space, and the
/// length is bounded.
fn readable(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// The text between the tags of a page.
fn without_tags(page: &str) -> String {
    let mut inside = false;
    page.chars()
        .map(|c| {
            match c {
                '<' => inside = true,
                '>' if inside => {
                    inside = false;
                    return ' ';
                }
                _ => {}
            }
            if inside { ' ' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests;
