//! The gateway that a session will probably use, known by rule or remembered from the last answer, and early
//! connections to it.

use super::cache_file::CacheFile;
use crate::config::settings::ConnectionType;
use crate::net::Early;
use crate::openapi::client::Client;
use crate::openapi::endpoint::likely_gateway;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// No more gateways than this are remembered.
const MOST: usize = 100;

/// The gateways that didn't follow the rule. Each line of the file has the API's address, the region,
/// the network and the gateway's address.
#[derive(Debug, Clone)]
pub(crate) struct Gateways {
    file: CacheFile,
    /// A connection for the next session.
    prepared: Arc<Mutex<Option<Early>>>,
}

impl Gateways {
    /// The list in this directory of the user's cache.
    pub(crate) fn new(cache: Option<&Path>) -> Self {
        let file = CacheFile::new(cache, "gateways", MOST);
        let prepared = Arc::default();
        Self { file, prepared }
    }

    /// Begins to connect to the likely gateway of a session that can't be asked for yet.
    pub(crate) fn prepare(&self, client: &Client, network: ConnectionType) {
        let early = self.dial(client, network);
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = early;
    }

    /// A connection on its way to the likely gateway of a session: the prepared one, if it goes there.
    pub(crate) fn dial(&self, client: &Client, network: ConnectionType) -> Option<Early> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let prepared = prepared.take();
        let likely = self.guess(client, network)?;
        prepared
            .filter(|early| early.goes_to(&likely))
            .or_else(|| client.network().dial_early(&likely))
    }

    /// The gateway that a session of this client will most likely be reached at.
    fn guess(&self, client: &Client, network: ConnectionType) -> Option<Url> {
        let place = place(client, network);
        let lines = self.file.lines();
        let remembered = lines
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(&place));
        match remembered {
            Some(gateway) => gateway.parse().ok(),
            None => likely_gateway(client.region(), network, client.endpoint()),
        }
    }

    /// Remembers the gateway that the API has named, if it is not the one that was guessed.
    pub(crate) fn learn(&self, client: &Client, network: ConnectionType, gateway: &Url) {
        let guess = self.guess(client, network);
        let named = gateway.origin();
        if guess.is_some_and(|guess| guess.origin() == named) {
            return;
        }
        let place = place(client, network);
        let mut lines = self.file.lines();
        lines.retain(|line| !line.starts_with(&place));
        lines.push(format!("{place}{}", named.ascii_serialization()));
        self.file.keep(&lines);
    }
}

/// The beginning of a line: everything but the gateway's address.
fn place(client: &Client, network: ConnectionType) -> String {
    let api = client.endpoint().origin().ascii_serialization();
    format!("{api} {} {} ", client.region(), network.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credentials::Credentials;
    use crate::net::{Network, NetworkOptions};
    use std::sync::Arc;

    fn client(endpoint: &str) -> Client {
        let network = Network::new(NetworkOptions::default());
        let credentials = Arc::new(Credentials {
            access_key_id: String::new(),
            access_key_secret: "".into(),
            security_token: None,
            expires: None,
            source: String::new(),
        });
        Client::new(
            network,
            endpoint.parse().unwrap(),
            "cn-beijing",
            credentials,
        )
        .unwrap()
    }

    #[test]
    fn a_gateway_is_known_by_rule_or_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let gateways = Gateways::new(Some(dir.path()));
        let guess = |endpoint: &str, network| {
            let guess = gateways.guess(&client(endpoint), network);
            guess.map(|url| url.origin().ascii_serialization())
        };
        let usual = "https://ecs.cn-beijing.aliyuncs.com";
        let internet = ConnectionType::Internet;
        let by_rule = Some("wss://cn-beijing.axt.aliyuncs.com".to_owned());
        assert_eq!(guess(usual, internet), by_rule);
        let local = Some("ws://127.0.0.1:8080".to_owned());
        assert_eq!(guess("http://127.0.0.1:8080", internet), local);

        let inside = "https://ecs-vpc.cn-beijing.aliyuncs.com";
        let intranet = ConnectionType::Intranet;
        assert_eq!(guess(inside, intranet), None);
        let named = "wss://gw.vpc.example/session?token=hush".parse().unwrap();
        gateways.learn(&client(inside), intranet, &named);
        assert_eq!(guess(inside, intranet), Some("wss://gw.vpc.example".into()));
        assert_eq!(guess(usual, internet), by_rule);
        let kept = std::fs::read_to_string(dir.path().join("gateways")).unwrap();
        assert!(!kept.contains("hush"), "{kept}");
    }
}
