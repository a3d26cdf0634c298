//! Renewal in the background, on a virtual clock.

use super::support::*;
use crate::config::credentials::CredentialsProvider as _;
use crate::providers::Provider;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::advance;

/// An STS whose credentials are numbered and hold for an hour each; from the second on it does as
/// told.
async fn sts(
    later: impl Fn(usize) -> (u16, Option<&'static str>) + Send + Sync + 'static,
) -> Server {
    let given = AtomicUsize::new(0);
    Server::new(move |seen| {
        if seen.param("Action").as_deref() == Some("GetCallerIdentity") {
            let id = seen.param("AccessKeyId").unwrap_or_default();
            let other = id.ends_with("other");
            let account = if other { "2" } else { "1" };
            return (
                200,
                format!(
                    r#"{{"AccountId":"{account}","Arn":"acs:ram::{account}:assumed-role/dev/{id}"}}"#
                ),
            );
        }
        let number = given.fetch_add(1, Ordering::SeqCst);
        let (status, name) = match number {
            0 => (200, None),
            _ => later(number),
        };
        let id = name.map_or(format!("STS.{number}"), Into::into);
        let body = until(&id, &format!("2026-01-01T{:02}:00:00Z", number + 1));
        (status, format!(r#"{{"Code":"No","Message":"m","Credentials":{body}}}"#))
    })
    .await
}

fn provider(server: &Server) -> Arc<Provider> {
    let home = Home::new(&format!(
        r#""mode":"RamRoleArn","access_key_id":"id","access_key_secret":"hush","ram_role_arn":"{ROLE}""#
    ));
    Arc::new(home.provider(world(server)))
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_15_minutes_ahead_and_nobody_waits() {
    let _still = StandStill::new();
    let server = sts(|_| (200, None)).await;
    let provider = provider(&server);
    assert_eq!(id(&provider).await, "STS.0");
    assert_eq!(
        server.calls("GetCallerIdentity"),
        0,
        "a run that renews nothing asks nothing"
    );
    pass(44).await;
    assert_eq!(
        (server.calls("AssumeRole"), id(&provider).await),
        (1, "STS.0".into())
    );
    pass(2).await;
    until_is("the identities are asked for", async || {
        server.calls("GetCallerIdentity") == 2
    })
    .await;
    assert_eq!(server.calls("AssumeRole"), 2);
    // A day of it, with nobody asking.
    for hour in 2..23 {
        pass(60).await;
        until_is("renewed once more", async || {
            server.calls("GetCallerIdentity") > hour
        })
        .await;
        assert_eq!(server.calls("AssumeRole"), hour + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_an_error_at_the_expiry_only() {
    let _still = StandStill::new();
    let server = sts(|number| if number < 8 { (403, None) } else { (200, None) }).await;
    let provider = provider(&server);
    assert_eq!(id(&provider).await, "STS.0");
    pass(46).await;
    until_is("tried", async || server.calls("AssumeRole") == 2).await;
    pass(2).await;
    until_is("tried again", async || server.calls("AssumeRole") == 3).await;
    pass(10).await;
    until_is("tried again", async || server.calls("AssumeRole") == 4).await;
    assert_eq!(id(&provider).await, "STS.0");
    pass(2).await;
    let told = id(&provider).await;
    assert!(
        told.starts_with("no usable credentials: profile p (RamRoleArn, /"),
        "{told}"
    );
    assert!(told.contains("AssumeRole: No: m (HTTP 403)"), "{told}");
    while server.calls("AssumeRole") < 9 {
        let _ = id(&provider).await;
    }
    assert_eq!(id(&provider).await, "STS.8");
}

#[tokio::test(start_paused = true)]
async fn another_identity_is_refused() {
    let _still = StandStill::new();
    let server = sts(|_| (200, Some("STS.other"))).await;
    let provider = provider(&server);
    assert_eq!(id(&provider).await, "STS.0");
    pass(46).await;
    until_is("renewed", async || server.calls("GetCallerIdentity") == 2).await;
    assert_eq!(id(&provider).await, "STS.0");
    pass(15).await;
    let told = id(&provider).await;
    assert!(
        told.contains(
            "the renewed credentials belong to 2 role/dev, and this run began as 1 role/dev"
        ),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_identity_is_refused_though_the_old_one_is_not_told_at_first() {
    let _still = StandStill::new();
    let asked = AtomicUsize::new(0);
    let server = Server::new(move |seen| {
        if seen.param("Action").as_deref() != Some("GetCallerIdentity") {
            let other = asked.fetch_add(1, Ordering::SeqCst) > 0;
            let (id, hour) = if other {
                ("STS.other", 2)
            } else {
                ("STS.0", 1)
            };
            let body = until(id, &format!("2026-01-01T{hour:02}:00:00Z"));
            return (200, format!(r#"{{"Credentials":{body}}}"#));
        }
        match seen.param("AccessKeyId").as_deref() {
            Some("STS.other") => (200, r#"{"AccountId":"2","Arn":"acs:ram::2:user/x"}"#.into()),
            _ => (403, r#"{"Code":"NotNow","Message":"m"}"#.into()),
        }
    })
    .await;
    let provider = provider(&server);
    assert_eq!(id(&provider).await, "STS.0");
    pass(46).await;
    until_is("both identities are asked for", async || {
        server.calls("GetCallerIdentity") == 2
    })
    .await;
    pass(2).await;
    until_is("and again", async || server.calls("GetCallerIdentity") == 4).await;
    assert_eq!(id(&provider).await, "STS.0", "these still hold");
}

#[tokio::test(start_paused = true)]
async fn many_callers_ask_once() {
    let _still = StandStill::new();
    let server = sts(|_| (200, None)).await;
    let provider = provider(&server);
    let asked = (0..20).map(|_| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move { id(&provider).await })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert_eq!(asked.await.expect("no panic"), "STS.0");
    }
    assert_eq!(server.calls("AssumeRole"), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_service_calls_expired_are_renewed_at_once() {
    let _still = StandStill::new();
    let server = sts(|_| (200, None)).await;
    let home = Home::new(&format!(
        r#""mode":"RamRoleArn","access_key_id":"id","access_key_secret":"hush","ram_role_arn":"{ROLE}""#
    ));
    let mut world = world(&server);
    world.cache = Some(home.path().join("kept"));
    let provider = home.provider(world);
    let first = provider.credentials().await.expect("credentials");
    assert!(provider.are_refused(&first));
    assert_eq!(id(&provider).await, "STS.1", "not those kept from before");
    assert!(provider.are_refused(&first), "the present ones are others");
    assert_eq!(id(&provider).await, "STS.1");
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_service_refuses_are_read_again() {
    let _still = StandStill::new();
    let server = sts(|_| (200, None)).await;
    let config = |name: &str, mode: &str, id: &str| {
        let rest = r#""access_key_secret":"hush","sts_token":"hush-token""#;
        format!(
            r#"{{"current":"{name}","profiles":[{{"name":"{name}","mode":"{mode}","access_key_id":"{id}",{rest}}}]}}"#
        )
    };
    let home = Home::with(&config("p", "StsToken", "STS.old"));
    let provider = home.provider(world(&server));
    let old = provider.credentials().await.expect("credentials");
    let write = |config: &str| std::fs::write(home.config(), config).expect("a file");
    assert!(!provider.are_refused(&old), "they are the same");
    for other in [config("q", "StsToken", "STS.new"), config("p", "AK", "new")] {
        write(&other);
        assert!(!provider.are_refused(&old), "that is another source");
    }
    write("{");
    assert!(!provider.are_refused(&old), "the file is half written");
    assert_eq!(id(&provider).await, "STS.old");

    write(&config("p", "StsToken", "STS.new"));
    assert!(provider.are_refused(&old));
    assert!(provider.are_refused(&old), "of a call that began earlier");
    assert_eq!(id(&provider).await, "STS.new");
    let new = provider.credentials().await.expect("credentials");
    assert!(!provider.are_refused(&new));

    write(&config("p", "StsToken", "STS.other"));
    assert!(provider.are_refused(&new));
    let error = id(&provider).await;
    assert!(error.contains("this run began as"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn where_sts_is_out_of_reach_there_is_no_identity_to_compare() {
    let _still = StandStill::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let given = AtomicUsize::new(0);
    let server = Server::new(move |_| {
        let number = given.fetch_add(1, Ordering::SeqCst);
        let expires = format!("2026-01-01T{:02}:00:00Z", number + 1);
        (200, until(&format!("STS.{number}"), &expires))
    })
    .await;
    let home = Home::new(&format!(
        r#""mode":"CredentialsURI","credentials_uri":"{}/""#,
        server.url()
    ));
    let provider = home.provider(world_at(&nowhere));
    assert_eq!(id(&provider).await, "STS.0");
    advance(Duration::from_secs(61 * 60)).await;
    // STS is tried a few times, with pauses.
    let time_passes = async {
        loop {
            advance(Duration::from_millis(100)).await;
            std::thread::sleep(Duration::from_micros(100));
        }
    };
    let renewed = tokio::select! {
        renewed = id(&provider) => renewed,
        () = time_passes => unreachable!("it passes for ever"),
    };
    assert_eq!(renewed, "STS.1");
}
