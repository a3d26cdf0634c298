//! The metadata service: both versions of its protocol, and a machine that is no instance.

use super::support::*;
use crate::config::source::{InstanceRole, Mode};
use crate::net::{Network, NetworkOptions};
use std::time::Duration;
use tokio::time::Instant;

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

/// The service of an instance that has the role `ecs`.
fn service(seen: &Seen) -> (u16, String) {
    let has_token = seen.header("x-aliyun-ecs-metadata-token") == Some("hush-imds");
    match (seen.method.as_str(), seen.path.as_str()) {
        ("PUT", "/latest/api/token") => {
            assert_eq!(
                seen.header("x-aliyun-ecs-metadata-token-ttl-seconds"),
                Some("21600")
            );
            (200, "hush-imds".into())
        }
        _ if !has_token => (403, String::new()),
        ("GET", ROLES) => (200, "ecs\n".into()),
        ("GET", path) if path == format!("{ROLES}ecs") => (200, temporary("STS.i")),
        _ => (404, String::new()),
    }
}

/// The same, as it was before tokens.
fn without_tokens(seen: &Seen) -> (u16, String) {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("PUT", _) => (404, String::new()),
        ("GET", ROLES) => (200, "ecs".into()),
        _ => (200, temporary("STS.i")),
    }
}

fn at(server: &Server) -> (&'static str, String) {
    ("ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT", server.url())
}

#[tokio::test(start_paused = true)]
async fn the_role_is_found_and_asked_for_with_a_token() {
    let _still = StandStill::new();
    let server = Server::new(service).await;
    let (name, url) = at(&server);
    for (fields, requests) in [
        (r#""mode":"EcsRamRole""#, 3),
        (r#""mode":"EcsRamRole","ram_role_name":"ecs""#, 2),
    ] {
        let before = server.seen().len();
        let source = Home::new(fields).source(&[(name, &url)]);
        let got = obtained(&world(&server), source)
            .await
            .expect("credentials");
        assert_eq!(got, "STS.i hush-STS.i hush-token");
        assert_eq!(server.seen().len() - before, requests);
    }
    let other = Home::new(r#""mode":"EcsRamRole","ram_role_name":"other""#).source(&[(name, &url)]);
    let told = refused(&world(&server), other).await;
    assert!(
        told.contains("the instance doesn't have the RAM role other"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_version_is_used_unless_forbidden() {
    let _still = StandStill::new();
    let server = Server::new(without_tokens).await;
    let (name, url) = at(&server);
    let home = Home::new(r#""mode":"EcsRamRole""#);
    let got = obtained(&world(&server), home.source(&[(name, &url)])).await;
    assert_eq!(got.expect("credentials"), "STS.i hush-STS.i hush-token");
    let vars = [
        (name, url.as_str()),
        ("ALIBABA_CLOUD_IMDSV1_DISABLED", "true"),
    ];
    let told = refused(&world(&server), home.source(&vars)).await;
    assert!(told.contains("is HTTP 404"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_absent_or_slow_is_told() {
    let home = Home::new(r#""mode":"EcsRamRole""#);
    let remedy = "| a RAM role of an instance can be used on that instance only:";
    {
        let _still = StandStill::new();
        let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", gone.local_addr().expect("an address"));
        drop(gone);
        let name = "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT";
        let told = refused(&world_at(&url), home.source(&[(name, &url)])).await;
        let words = "can't connect to the instance's metadata service: ";
        assert!(told.contains(words) && told.contains(remedy), "{told}");
    }
    // Time runs ahead as soon as everything waits: for the token, and for the role without one.
    let server = Server::new(|_| (0, String::new())).await;
    let (name, url) = at(&server);
    let begun = Instant::now();
    let told = refused(&world(&server), home.source(&[(name, &url)])).await;
    let words = format!("the answer of {} took longer than 2s", server.address);
    assert!(told.contains(&words) && told.contains(remedy), "{told}");
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn the_metadata_service_is_reached_without_the_proxy_that_others_need() {
    let _still = StandStill::new();
    let server = Server::new(service).await;
    let proxy = Server::new(|_| (502, String::new())).await;
    let mut world = world(&server);
    world.network = Network::new(NetworkOptions {
        connect_timeout: Duration::from_secs(5),
        proxy: Some(proxy.url()),
        ..NetworkOptions::default()
    });
    let others = world.network.http_client().expect("a client");
    let refused = others.get("https://sts.example").send().await;
    assert!(refused.is_err() && proxy.seen().len() == 1);

    // This leads here, and is no loopback address, towards which nobody needs a proxy.
    let here = server.url().replace("127.0.0.1", "0.0.0.0");
    let mut source = Home::new(r#""mode":"EcsRamRole""#).source(&[]);
    source.mode = Mode::InstanceRole(InstanceRole {
        name: None,
        endpoint: here.parse().ok(),
        version_1: true,
        is_a_guess: false,
    });
    let got = obtained(&world, source).await;
    assert_eq!(got.expect("credentials"), "STS.i hush-STS.i hush-token");
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_role_says_so() {
    let _still = StandStill::new();
    for (status, body, words) in [
        (
            404,
            "",
            "the instance has no RAM role | attach a RAM role to the instance",
        ),
        (200, "", "\"\" is not the name of a RAM role"),
        (200, "<html>", "\"<html>\" is not the name of a RAM role"),
        (500, "", "is HTTP 500"),
    ] {
        let server = Server::new(move |seen| match seen.method.as_str() {
            "PUT" => (200, "hush".into()),
            _ => (status, body.into()),
        })
        .await;
        let (name, url) = at(&server);
        let home = Home::new(r#""mode":"EcsRamRole""#);
        let told = refused(&world(&server), home.source(&[(name, &url)])).await;
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_configuration_the_instance_is_asked_for_a_second() {
    let home = Home::with(r#"{"profiles":[]}"#);
    {
        let _still = StandStill::new();
        let server = Server::new(service).await;
        let (name, url) = at(&server);
        let got = obtained(&world(&server), home.source(&[(name, &url)])).await;
        assert_eq!(got.expect("credentials"), "STS.i hush-STS.i hush-token");
    }
    // Here time runs ahead as soon as everything waits.
    let server = Server::new(|_| (0, String::new())).await;
    let (name, url) = at(&server);
    let begun = Instant::now();
    let told = refused(&world(&server), home.source(&[(name, &url)])).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert!(
        told.starts_with("none in the environment, and no profile in /"),
        "{told}"
    );
    assert!(
        told.contains(
            "(the metadata service doesn't answer within 1 s) | set ALIBABA_CLOUD_ACCESS_KEY_ID"
        ),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_may_be_assumed_with_the_instance_s() {
    let _still = StandStill::new();
    let server = Server::new(|seen| match seen.param("Action") {
        Some(_) => (200, format!(r#"{{"Credentials":{}}}"#, temporary("STS.r"))),
        None => service(seen),
    })
    .await;
    let (name, url) = at(&server);
    let home = Home::new(&format!(
        r#""mode":"RamRoleArnWithRoleName","ram_role_name":"ecs","ram_role_arn":"{ROLE}""#
    ));
    let got = obtained(&world(&server), home.source(&[(name, &url)])).await;
    assert_eq!(got.expect("credentials"), "STS.r hush-STS.r hush-token");
}
