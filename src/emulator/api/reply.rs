//! Writes the API's replies: a result or an error, as JSON.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A call's answer, a JSON object, or its error.
pub(crate) type ApiResult = Result<Value, ErrorReply>;

/// An error reply of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorReply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code.
    pub(crate) code: String,
    /// The message.
    pub(crate) message: String,
    /// The value of `x-acs-retry-after`, sent in whole milliseconds.
    pub(crate) retry_after: Option<Duration>,
}

/// The HTTP response to a request for `host`, with a fresh `RequestId`.
pub(crate) fn response(host: &str, outcome: ApiResult) -> Response<String> {
    let request_id = uuid::Uuid::new_v4().to_string().to_uppercase();
    let (status, retry_after, mut body) = match outcome {
        Ok(body) => (200, None, body),
        Err(refusal) => {
            let body = error_body(&refusal, host, &request_id);
            (refusal.status, refusal.retry_after, body)
        }
    };
    body["RequestId"] = request_id.into();
    let mut response = Response::new(body.to_string());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=utf-8"),
    );
    if let Some(after) = retry_after {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        headers.insert("x-acs-retry-after", ms.into());
    }
    response
}

fn error_body(refusal: &ErrorReply, host: &str, request_id: &str) -> Value {
    let code = &refusal.code;
    let recommend =
        format!("https://api.aliyun.com/troubleshoot?q={code}&product=Ecs&requestId={request_id}");
    json!({
        "HostId": host, "Code": code, "Message": refusal.message, "Recommend": recommend,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::api::codes::refuse;

    #[test]
    fn an_error_names_its_host_and_when_to_try_again() {
        let response = response("host", Err(refuse("Throttling")));
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-acs-retry-after"], "200");
        let body: Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(
            (&body["Code"], &body["HostId"]),
            (&json!("Throttling"), &json!("host"))
        );
    }
}
