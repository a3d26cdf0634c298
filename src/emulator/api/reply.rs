//! The API's replies: a result or an error, as JSON or XML.

use http::{Response, StatusCode, header};
use quick_xml::escape::escape;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How a reply is written. The service's default is XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/json`
    Json,
    /// `text/xml`
    Xml,
}

/// An error reply of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
    /// What `x-acs-retry-after` says, in whole milliseconds.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// An error without advice on when to come again.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            retry_after: None,
        }
    }

    /// `MissingParameter` for a parameter of the API's own.
    #[must_use]
    pub fn missing(name: &str) -> Self {
        let message = format!(
            "The input parameter \"{name}\" that is mandatory for processing this request is not supplied."
        );
        Self::new(400, "MissingParameter", message)
    }
}

/// Who asked for what: what every reply names.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The API's name; empty while unknown.
    pub action: String,
    /// How to answer.
    pub format: Format,
    /// The request's `Host`.
    pub host: String,
}

/// The HTTP response for an outcome. A result's object gets a fresh `RequestId`.
#[must_use]
pub fn response(asked: &Asked, outcome: Result<Map<String, Value>, Refusal>) -> Response<String> {
    let request_id = uuid::Uuid::new_v4().to_string().to_uppercase();
    let (status, root, mut body, retry_after) = match outcome {
        Ok(body) => (200, format!("{}Response", asked.action), body, None),
        Err(refusal) => {
            let body = error_body(&refusal, asked, &request_id);
            (
                refusal.status,
                "Error".to_owned(),
                body,
                refusal.retry_after,
            )
        }
    };
    body.insert("RequestId".into(), request_id.into());
    let (kind, text) = match asked.format {
        Format::Json => (
            "application/json;charset=utf-8",
            Value::Object(body).to_string(),
        ),
        Format::Xml => ("text/xml;charset=utf-8", xml(&root, &Value::Object(body))),
    };
    let mut response = Response::new(text);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if let Some(after) = retry_after {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        response
            .headers_mut()
            .insert("x-acs-retry-after", ms.into());
    }
    response
}

fn error_body(refusal: &Refusal, asked: &Asked, request_id: &str) -> Map<String, Value> {
    let code = &refusal.code;
    let recommend =
        format!("https://api.aliyun.com/troubleshoot?q={code}&product=Ecs&requestId={request_id}");
    let body = json!({
        "HostId": asked.host, "Code": code, "Message": refusal.message, "Recommend": recommend,
    });
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

/// A value as an XML document: an object's members become children, a list repeats its element.
fn xml(root: &str, value: &Value) -> String {
    let mut text = String::from("<?xml version='1.0' encoding='UTF-8'?>");
    element(&mut text, root, value);
    text
}

fn element(text: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| element(text, name, item));
    }
    // Names are ours or, for a root, were checked to be letters and digits.
    text.push_str(&format!("<{name}>"));
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| element(text, name, value)),
        Value::String(content) => text.push_str(&escape(content.as_str())),
        Value::Null => {}
        other => text.push_str(&other.to_string()),
    }
    text.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_in_both_formats() {
        let mut asked = Asked {
            action: "X".into(),
            format: Format::Xml,
            host: "h<1>".into(),
        };
        let mut refusal = Refusal::new(400, "Throttling", "a & b");
        refusal.retry_after = Some(Duration::from_millis(70));
        let response = super::response(&asked, Err(refusal.clone()));
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-acs-retry-after"], "70");
        let body = response.body();
        assert!(
            body.contains("<Error>") && body.contains("<Message>a &amp; b</Message>"),
            "{body}"
        );
        assert!(body.contains("<HostId>h&lt;1&gt;</HostId>"), "{body}");
        asked.format = Format::Json;
        let response = super::response(&asked, Err(refusal));
        let body: Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(body["Code"], "Throttling");
    }

    #[test]
    fn lists_repeat_their_element() {
        let text = xml("R", &json!({"Sessions": {"Session": [{"N": 1}, {"N": 2}]}}));
        assert!(text.ends_with(
            "<R><Sessions><Session><N>1</N></Session><Session><N>2</N></Session></Sessions></R>"
        ));
    }
}
