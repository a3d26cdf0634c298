//! CredentialsURI, and the bounds of every exchange.

use super::support::*;

fn profile(url: &str) -> Home {
    Home::new(&format!(
        r#""mode":"CredentialsURI","credentials_uri":"{url}/hush?t=hush""#
    ))
}

#[tokio::test(start_paused = true)]
async fn a_server_gives_credentials() {
    let _still = StandStill::new();
    let server = Server::new(|_| (200, temporary("STS.u"))).await;
    let home = profile(&server.url());
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.u hush-STS.u hush-token");
    let [request] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/hush?t=hush")
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_server_may_answer_instead() {
    let _still = StandStill::new();
    for (status, body, words) in [
        (
            404,
            String::new(),
            " is HTTP 404 | run `aliyun configure --mode CredentialsURI --profile p`",
        ),
        (
            403,
            r#"{"Code":"Denied","Message":"no\nway"}"#.into(),
            " is HTTP 403: Denied: no way",
        ),
        (
            302,
            "https://hush.example/".into(),
            " is HTTP 302, a redirect, which is not followed",
        ),
        (200, "hush".into(), " is not JSON (line 1, column 1)"),
        (200, "[]".into(), " does not have the expected form"),
        (200, "{}".into(), "the answer's Code is not Success"),
        (
            200,
            temporary("STS.u").replace("Success", "Failure"),
            "the answer's Code is not Success",
        ),
        (
            200,
            temporary("STS.u").replace("AccessKeySecret", "x"),
            "the answer lacks AccessKeySecret",
        ),
        (
            200,
            temporary("STS.u").replace("hush-token", ""),
            "the answer lacks SecurityToken",
        ),
        (
            200,
            until("STS.u", "2025-01-01T00:00:00Z"),
            "the credentials have expired already",
        ),
        (200, " ".repeat((1 << 20) + 1), " is longer than 1 MiB"),
    ] {
        let server = Server::new(move |_| (status, body.clone())).await;
        let told = refused(&world(&server), profile(&server.url()).source(&[])).await;
        assert!(told.contains(words), "{told}");
        assert!(told.starts_with("profile p (CredentialsURI, /"), "{told}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_what_it_was_asked() {
    let _still = StandStill::new();
    let server = Server::new(|seen| {
        let value = seen.path.rsplit('=').next().unwrap_or_default();
        let value = value.replace("%20", " ");
        let body = format!(r#"{{"Code":"No","Message":"{}, and {value}"}}"#, seen.path);
        (403, body)
    })
    .await;
    let home = Home::new(&format!(
        r#""mode":"CredentialsURI","credentials_uri":"{}/hush-in-the-path?t=hush%20in%20the%20query""#,
        server.url()
    ));
    let told = refused(&world(&server), home.source(&[])).await;
    let words = "is HTTP 403: No: /(redacted)?(redacted), and (redacted) |";
    assert!(told.contains(words), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_or_gone() {
    // Time runs ahead whenever everything waits: the silence is all there is.
    let server = Server::new(|_| (0, String::new())).await;
    let told = refused(&world(&server), profile(&server.url()).source(&[])).await;
    assert!(
        told.contains(&format!(
            "the answer of {} took longer than 15s",
            server.address
        )),
        "{told}"
    );
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let told = refused(&world(&server), profile(&url).source(&[])).await;
    assert!(told.contains("refused"), "{told}");
}
