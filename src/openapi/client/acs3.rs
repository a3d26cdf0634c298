//! Calls signed with ACS3-HMAC-SHA256 in their headers: those of ROA style, and RPC calls on request.

use crate::config::credentials::Credentials;
use crate::openapi::signature::{self, ACS3};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use url::Url;
use uuid::Uuid;

/// The content type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A signed call, ready to be sent.
pub(crate) struct SignedHeaders {
    /// Path and query; to be sent as they are.
    pub(crate) url: Url,
    /// All headers but `host` and `accept`.
    pub(crate) headers: Vec<(String, String)>,
    /// The form of a POST; empty for a GET.
    pub(crate) body: String,
    /// The string to sign, which errors of the server repeat.
    pub(crate) string_to_sign: String,
}

/// The values that are new in each attempt of a call.
pub(crate) struct Fresh {
    /// In UTC, as `2025-03-04T05:06:07Z`.
    pub(crate) date: String,
    /// A nonce, valid for one attempt.
    pub(crate) nonce: String,
}

impl Fresh {
    /// The present time with a new nonce.
    pub(crate) fn new() -> Self {
        Self {
            date: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            nonce: Uuid::new_v4().to_string(),
        }
    }
}

/// A call to be signed.
pub(crate) struct Call<'a> {
    /// The action and its API version.
    pub(crate) action: (&'a str, &'a str),
    /// The action's path; `/` for RPC.
    pub(crate) path: &'a str,
    /// `GET` with the parameters in the query, or `POST` with them in a form.
    pub(crate) method: &'static str,
    /// The parameters.
    pub(crate) params: &'a [(String, String)],
}

/// Signs a call to `endpoint`. Credentials go into headers.
pub(crate) fn sign(
    endpoint: &Url,
    call: &Call<'_>,
    keys: &Credentials,
    fresh: Fresh,
) -> SignedHeaders {
    let mut url = endpoint.clone();
    let path = format!("{}{}", endpoint.path().trim_end_matches('/'), call.path);
    url.set_path(&path);
    let params = signature::canonical_query(call.params);
    let (query, body) = match call.method {
        "POST" => (&[][..], params),
        _ => {
            url.set_query(Some(params.as_str()).filter(|params| !params.is_empty()));
            (call.params, String::new())
        }
    };
    let body_sha256 = signature::sha256_hex(body.as_bytes());
    let (action, version) = call.action;
    let mut headers = vec![
        ("x-acs-action".to_owned(), action.to_owned()),
        ("x-acs-version".to_owned(), version.to_owned()),
        ("x-acs-date".to_owned(), fresh.date),
        ("x-acs-signature-nonce".to_owned(), fresh.nonce),
        ("x-acs-content-sha256".to_owned(), body_sha256.clone()),
    ];
    if !body.is_empty() {
        headers.push(("content-type".to_owned(), FORM.to_owned()));
    }
    if let Some(token) = &keys.security_token {
        let token = token.expose_secret().to_owned();
        headers.push(("x-acs-security-token".to_owned(), token));
    }
    let mut signed = headers.clone();
    signed.push(("host".to_owned(), host(&url)));
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let request =
        signature::acs3_canonical_request(call.method, &path, query, &signed, &body_sha256);
    let signature = signature::acs3(&request, keys.access_key_secret.expose_secret());
    let names = signature::acs3_signed_headers(&signed);
    let authorization = signature::acs3_authorization(&keys.access_key_id, &names, &signature);
    headers.push(("authorization".to_owned(), authorization));
    SignedHeaders {
        url,
        headers,
        body,
        string_to_sign: format!("{ACS3}\n{}", signature::sha256_hex(request.as_bytes())),
    }
}

/// The value of the `host` header: with the port, unless it is the scheme's default.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Fresh {
        Fresh {
            date: "2025-03-04T05:06:07Z".into(),
            nonce: "axt-nonce-2003".into(),
        }
    }

    fn keys() -> Credentials {
        Credentials {
            access_key_id: "STS.testid".into(),
            access_key_secret: "testsecret".into(),
            security_token: Some("CAIS/token+with=special/chars==".into()),
            expires: None,
            source: String::new(),
        }
    }

    fn header<'a>(signed: &'a SignedHeaders, name: &str) -> &'a str {
        let found = signed.headers.iter().find(|(known, _)| known == name);
        &found.unwrap().1
    }

    fn owned(params: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        params.iter().map(owned).collect()
    }

    /// The official SDK signs the same call to the same headers (alibabacloud_sae20190506, with a fixed
    /// clock).
    #[test]
    fn a_get_is_signed_as_the_official_sdk_does() {
        let params = owned(&[
            ("AppId", "017f39b8-dfa4-4e16-a84b-1dcee4b1aaaa"),
            ("PodName", "hello-pod-0"),
            ("ContainerName", "ad helper"),
        ]);
        let endpoint = Url::parse("https://sae.cn-hangzhou.aliyuncs.com").unwrap();
        let call = Call {
            action: ("GetWebshellToken", "2019-05-06"),
            path: "/pop/v1/sam/instance/webshellToken",
            method: "GET",
            params: &params,
        };
        let signed = sign(&endpoint, &call, &keys(), fresh());
        assert_eq!(
            signed.url.as_str(),
            "https://sae.cn-hangzhou.aliyuncs.com/pop/v1/sam/instance/webshellToken?AppId=017f39b8-dfa4-4e16-a84b-1dcee4b1aaaa&ContainerName=ad%20helper&PodName=hello-pod-0"
        );
        let authorization = header(&signed, "authorization");
        assert!(
            authorization.ends_with(
                "Signature=abd0d697699d40870ab68d9ceb41746caf00d92968e2934c6bbc6e2b6d29c5d1"
            ),
            "{authorization}"
        );
        assert!(!signed.url.as_str().contains("CAIS"));
    }

    /// The official SDK signs the same call to the same headers (tea-openapi, with a fixed clock).
    #[test]
    fn an_rpc_call_is_signed_as_the_official_sdk_does() {
        let params = owned(&[
            ("SessionId", "s-hz023od0x9aaaa"),
            ("RegionId", "cn-beijing"),
        ]);
        let endpoint = Url::parse("https://ecs.cn-beijing.aliyuncs.com").unwrap();
        let call = Call {
            action: ("EndTerminalSession", "2014-05-26"),
            path: "/",
            method: "POST",
            params: &params,
        };
        let fresh = Fresh {
            nonce: "axt-nonce-2002".into(),
            ..fresh()
        };
        let signed = sign(&endpoint, &call, &keys(), fresh);
        assert_eq!(signed.url.as_str(), "https://ecs.cn-beijing.aliyuncs.com/");
        assert_eq!(
            signed.body,
            "RegionId=cn-beijing&SessionId=s-hz023od0x9aaaa"
        );
        assert_eq!(header(&signed, "content-type"), FORM);
        assert_eq!(
            header(&signed, "authorization"),
            "ACS3-HMAC-SHA256 Credential=STS.testid,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version,Signature=bb9747d6f153a55f9ed8465f1f2507476ff81eae487f082013c892072efff2a4"
        );
    }

    #[test]
    fn a_base_path_and_a_port_are_kept_and_signed() {
        let endpoint = Url::parse("http://127.0.0.1:8080/a%20b/").unwrap();
        let call = Call {
            action: ("A", "1"),
            path: "/x",
            method: "GET",
            params: &[],
        };
        let signed = sign(&endpoint, &call, &keys(), fresh());
        assert_eq!(signed.url.as_str(), "http://127.0.0.1:8080/a%20b/x");
        assert_eq!(host(&signed.url), "127.0.0.1:8080");
        let elsewhere = Url::parse("http://127.0.0.1:8081/a%20b/").unwrap();
        let other = sign(&elsewhere, &call, &keys(), fresh());
        assert_ne!(
            header(&signed, "authorization"),
            header(&other, "authorization")
        );
    }
}
