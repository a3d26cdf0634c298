//! The action of SAE (version 2019-05-06) that axt calls: a token for the web shell of a pod.

use super::client::{Action, Client, Style};
use super::lenient;
use super::signature::percent_encode;
use crate::error::{ApiError, Result};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The address of web shells for an answer that has a token only, as it once did (`devsapp/saectl`).
const WEBSHELL: &str = "wss://sae-webshell.console.aliyun.com/websocket/eamWebshell";

/// Asks for the web shell of a pod: `GetWebshellToken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetWebshellToken {
    /// The application's id, a UUID.
    pub(crate) app_id: String,
    /// The pod: an instance of the application.
    pub(crate) pod_name: String,
    /// The container in it, where there are several.
    pub(crate) container_name: Option<String>,
    /// Rows of the terminal. The API page knows neither these nor the columns; `devsapp/saectl` sends
    /// them, and there is no other way to tell.
    pub(crate) lines: Option<u16>,
    /// Columns of the terminal.
    pub(crate) columns: Option<u16>,
}

/// The URLs of a web shell. They are secrets, as each gives access to the shell: Debug shows none.
#[derive(Debug, Clone)]
pub(crate) struct WebshellToken {
    /// The WebSocket of the terminal.
    pub(crate) web_socket_url: SecretString,
    /// The page of the console that shows it, where the answer names one.
    pub(crate) http_url: Option<SecretString>,
}

impl GetWebshellToken {
    /// Makes the call.
    ///
    /// # Errors
    /// As [`Client::call`]; the service's error also where the answer has it under HTTP 200, and
    /// [`ApiError::UNEXPECTED`] for a success without a token.
    pub(crate) async fn call(&self, client: &Client, limit: Duration) -> Result<WebshellToken> {
        let answer = client.call(self, limit).await?;
        Ok(answer.token(client.region())?)
    }
}

impl Action for GetWebshellToken {
    const NAME: &'static str = "GetWebshellToken";
    const VERSION: &'static str = "2019-05-06";
    // Another token does no harm.
    const IDEMPOTENT: bool = true;
    const REGIONAL: bool = false;
    const STYLE: Style = Style::Get("/pop/v1/sam/instance/webshellToken");
    type Reply = TokenReply;
}

/// The answer as it comes. Its `Success` counts: `Code` is a text or, once, a number, and the API
/// page shows an `ErrorCode` beside a success.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TokenReply {
    #[serde(deserialize_with = "lenient::truth")]
    success: Option<bool>,
    #[serde(deserialize_with = "lenient::text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    error_code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    message: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    request_id: Option<String>,
    data: Option<TokenData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TokenData {
    token: Option<SecretString>,
    http_url: Option<SecretString>,
    web_socket_url: Option<SecretString>,
}

impl TokenReply {
    fn token(self, region: &str) -> Result<WebshellToken, ApiError> {
        if !self.success.unwrap_or(self.data.is_some()) {
            return Err(self.failure());
        }
        let found = self.data.as_ref().and_then(|data| {
            let token = || built(data.token.as_ref()?, region);
            Some(WebshellToken {
                web_socket_url: url_in(data.web_socket_url.as_ref(), "wss://")
                    .or_else(|| url_in(data.web_socket_url.as_ref(), "ws://"))
                    .or_else(token)?,
                http_url: url_in(data.http_url.as_ref(), "https://")
                    .or_else(|| url_in(data.http_url.as_ref(), "http://")),
            })
        });
        let nothing = tr!("the answer has neither a token nor a WebSocket URL");
        found.ok_or_else(|| self.error(ApiError::UNEXPECTED, nothing))
    }

    fn failure(&self) -> ApiError {
        let code = self.error_code.as_deref().or(self.code.as_deref());
        let message = self.message.as_deref().unwrap_or_default();
        self.error(code.unwrap_or("UnknownError"), message)
    }

    fn error(&self, code: &str, message: &str) -> ApiError {
        let status = self.code.as_ref().and_then(|code| code.parse().ok());
        ApiError {
            action: GetWebshellToken::NAME.into(),
            code: code.into(),
            message: message.into(),
            request_id: self.request_id.clone(),
            status: status.unwrap_or(200),
            retry_after: None,
        }
    }
}

fn built(token: &SecretString, region: &str) -> Option<SecretString> {
    let token = Some(token.expose_secret()).filter(|token| !token.is_empty())?;
    let (token, region) = (percent_encode(token), percent_encode(region));
    Some(format!("{WEBSHELL}?tokenId={token}&region={region}").into())
}

/// The URL that begins with `scheme`, out of a text such as `HttpUrl : "https://…`.
fn url_in(text: Option<&SecretString>, scheme: &str) -> Option<SecretString> {
    let text = text?.expose_secret();
    let url = text.get(text.find(scheme)?..)?;
    let ends = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>');
    let url = url.split(ends).next()?;
    Some(url.into()).filter(|_| url.len() > scheme.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::client::params;

    fn token(answer: &str) -> Result<WebshellToken, ApiError> {
        let answer: TokenReply = serde_json::from_str(answer).unwrap();
        answer.token("cn-shenzhen")
    }

    fn urls(answer: &str) -> (String, Option<String>) {
        let token = token(answer).unwrap();
        let shown = |url: &SecretString| url.expose_secret().to_owned();
        (
            shown(&token.web_socket_url),
            token.http_url.as_ref().map(shown),
        )
    }

    /// The sample of the API page.
    const SAMPLE: &str = r#"{"RequestId":"91F93257-7A4A-4BD3-9A7E-2F6EAE6D****","Message":"success",
        "TraceId":"0a98a02315955564772843261e****","Data":{"Token":"zWWpvRj_5pzof4hfo7-hGynM8oGMmO_7",
        "HttpUrl":"HttpUrl :  \"https://saenext.console.aliyun.com/cn-shenzhen/app-list/app1/micro-app/shell/pod1?tokenId=xxx",
        "WebSocketUrl":"wss://sae-webshell.console.aliyun.com/websocket/eamWebshell?tokenId=xxx&region=cn-shenzhen"},
        "ErrorCode":"400","Code":"200","Success":true}"#;

    #[test]
    fn the_sample_of_the_api_page_is_a_success() {
        let (socket, page) = urls(SAMPLE);
        assert_eq!(
            socket,
            "wss://sae-webshell.console.aliyun.com/websocket/eamWebshell?tokenId=xxx&region=cn-shenzhen"
        );
        assert_eq!(
            page.as_deref(),
            Some(
                "https://saenext.console.aliyun.com/cn-shenzhen/app-list/app1/micro-app/shell/pod1?tokenId=xxx"
            )
        );
    }

    #[test]
    fn a_token_alone_makes_the_url() {
        let (socket, page) = urls(r#"{"Code":200,"Success":true,"Data":{"Token":"a&b"}}"#);
        assert_eq!(
            socket,
            format!("{WEBSHELL}?tokenId=a%26b&region=cn-shenzhen")
        );
        assert_eq!(page, None);
    }

    #[test]
    fn a_url_is_taken_out_of_its_wrapping() {
        for (text, url) in [
            ("https://x/?t=1", Some("https://x/?t=1")),
            ("HttpUrl : \"https://x/?t=1\"", Some("https://x/?t=1")),
            ("<a href='https://x/?t=1'>", Some("https://x/?t=1")),
            ("see https://x/?t=1 there", Some("https://x/?t=1")),
            ("https://", None),
            ("ftp://x", None),
            ("", None),
        ] {
            let found = url_in(Some(&text.into()), "https://");
            assert_eq!(found.as_ref().map(|url| url.expose_secret()), url, "{text}");
        }
    }

    #[test]
    fn success_decides() {
        for (answer, code, status) in [
            (
                r#"{"Success":false,"Code":"400","ErrorCode":"InvalidApplication.NotFound","Message":"no\u001b[2J"}"#,
                "InvalidApplication.NotFound",
                400,
            ),
            (
                r#"{"Success":false,"Code":500,"Data":{"Token":"hush"}}"#,
                "500",
                500,
            ),
            (r#"{"Success":false}"#, "UnknownError", 200),
            (
                r#"{"Code":"400","ErrorCode":"InvalidParameter.NotEmpty"}"#,
                "InvalidParameter.NotEmpty",
                400,
            ),
            (
                r#"{"Success":true,"Code":"200","Data":{}}"#,
                ApiError::UNEXPECTED,
                200,
            ),
            (
                r#"{"Success":true,"Code":"200"}"#,
                ApiError::UNEXPECTED,
                200,
            ),
        ] {
            let error = token(answer).unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.status),
                (code, status),
                "{answer}"
            );
            assert!(!error.to_string().contains(['\u{1b}']));
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let answer: TokenReply = serde_json::from_str(SAMPLE).unwrap();
        let shown = format!("{answer:?} {:?}", token(SAMPLE).unwrap());
        assert!(!shown.contains("xxx") && !shown.contains("zWWp"), "{shown}");
    }

    #[test]
    fn the_terminals_size_goes_with_the_call() {
        let mut call = GetWebshellToken {
            app_id: "app".into(),
            pod_name: "pod".into(),
            container_name: None,
            lines: None,
            columns: None,
        };
        let names = |call: &GetWebshellToken| {
            let params = params(call, "cn-hangzhou");
            params
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(names(&call), "AppId=app PodName=pod");
        (call.lines, call.columns) = (Some(50), Some(200));
        call.container_name = Some("side".into());
        assert_eq!(
            names(&call),
            "AppId=app Columns=200 ContainerName=side Lines=50 PodName=pod"
        );
    }
}
