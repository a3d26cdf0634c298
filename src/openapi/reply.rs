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
            (true, _) => "empty".into(),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TO_SIGN: &str = "POST&%2F&AccessKeyId%3DLTAI5tTestKeyId1";

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "LTAI5tTestKeyId1".into(),
            access_key_secret: "hush-hush-secret".into(),
            security_token: Some("hush/hush+token".into()),
            source: "a test".into(),
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Typed {
        #[serde(rename = "SessionId")]
        session_id: String,
    }

    fn read(status: u16, body: &[u8]) -> Result<Typed, ApiError> {
        Reply {
            action: "StartTerminalSession",
            status,
            body,
        }
        .read(&credentials(), TO_SIGN)
    }

    #[test]
    fn errors_in_every_format() {
        for (body, code, message, id) in [
            (
                r#"{"RequestId":"R-1","HostId":"h","Code":"Forbidden.RAM","Message":"no \u001b[31mright"}"#,
                "Forbidden.RAM",
                "no [31mright",
                Some("R-1"),
            ),
            (
                r#"{"requestId":"r","code":"Throttling","message":"slow"}"#,
                "Throttling",
                "slow",
                Some("r"),
            ),
            (
                r#"{"Code":400,"ErrorCode":"InvalidParameter.NotEmpty"}"#,
                "InvalidParameter.NotEmpty",
                "",
                None,
            ),
            (r#"{"Code":503}"#, "503", "", None),
            (
                "<?xml version='1.0'?><Error><RequestId>R-2</RequestId><Code>InvalidInstance.NotFound</Code><Message>a &amp; b &#60;c&gt;</Message></Error>",
                "InvalidInstance.NotFound",
                "a & b <c>",
                Some("R-2"),
            ),
            (
                "<Error><Code>A</Code><Message><![CDATA[x<y]]></Message></Error>",
                "A",
                "x<y",
                None,
            ),
        ] {
            let error = read(400, body.as_bytes()).expect_err(body);
            assert_eq!(
                (&*error.code, &*error.message, error.request_id.as_deref()),
                (code, message, id)
            );
            assert_eq!(
                (&*error.action, error.status),
                ("StartTerminalSession", 400)
            );
        }
    }

    #[test]
    fn what_is_not_the_apis() {
        for (status, body, words) in [
            (
                502,
                "<html><head><title>502 Bad\nGateway</title></head><hr>nginx</html>",
                "a page: 502 Bad Gateway nginx",
            ),
            (407, "", "the answer is empty"),
            (404, "nothing here", "not JSON: nothing here"),
            (500, r#"{"Message":"no code"}"#, "not JSON: {\"Message\""),
            (400, "<Error><Code>", "a page"),
            (
                302,
                "LTAI5tTestKeyId1 hush-hush-secret hush%2Fhush%2Btoken",
                "LTAI…eyId1",
            ),
            (
                200,
                "<html>hush</html>",
                "bytes of HTML or XML and not JSON",
            ),
            (200, "", "the answer is empty"),
            (
                200,
                r#"{"SessionId":"hush"#,
                "the answer breaks off after 18 bytes",
            ),
            (
                200,
                r#"{"SessionId":["hush"]}"#,
                "lacks what it should hold",
            ),
            (200, "hush", "the answer is not JSON (line 1, column 1)"),
        ] {
            let error = read(status, body.as_bytes()).expect_err(body);
            let words = words.replace("eyId1", "yId1");
            assert_eq!((&*error.code, error.status), (ApiError::UNEXPECTED, status));
            // An XML error without a code ends up as an empty page: it has no text between its tags.
            let ok = error.message.contains(&words)
                || (body == "<Error><Code>" && error.message.ends_with("empty"));
            assert!(ok, "{body}: {}", error.message);
            assert!(!error.message.contains("hush"), "{}", error.message);
        }
        assert_eq!(
            read(200, br#"{"SessionId":"s-1","More":0}"#)
                .expect("a reply")
                .session_id,
            "s-1"
        );
    }

    #[test]
    fn a_signature_error_says_which_side_is_wrong_and_hides_what_was_signed() {
        let message = |signed: &str| {
            let message = format!(
                "Specified signature of LTAI5tTestKeyId1 does not match. server string to sign is:{signed}"
            );
            let body = serde_json::json!({"Code": "SignatureDoesNotMatch", "Message": message});
            read(400, body.to_string().as_bytes())
                .expect_err("an error")
                .message
        };
        let stated = "Specified signature of LTAI…yId1 does not match. ";
        assert_eq!(
            message(TO_SIGN),
            format!("{stated}(the server signed the same text, so the AccessKey secret is wrong)")
        );
        assert_eq!(
            message("GET&%2F&x"),
            format!("{stated}(the server signed another text than axt)")
        );
    }

    #[test]
    fn ids_are_shortened() {
        for (id, short) in [
            ("LTAI5tTestKeyId1", "LTAI…yId1"),
            ("testid", "t…"),
            ("12345678", "1…"),
            ("", ""),
        ] {
            assert_eq!(shortened(id), short);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_reply_or_an_error_of_bounded_length(status in 100u16..600, body: Vec<u8>) {
            if let Err(error) = read(status, &body) {
                prop_assert!(error.message.chars().count() <= LONGEST_MESSAGE + 1);
                prop_assert!(!error.message.chars().any(char::is_control));
            }
        }
    }
}
