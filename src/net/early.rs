//! A connection that is made before it is certain that it will be needed.

use super::tcp::Stream;
use super::{Destination, Network};
use crate::error::Result;
use futures_util::FutureExt as _;
use std::fmt;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// An older connection is not used: between it and its use the user may have chosen an instance, or the command waited
/// for the service's limits, and a firewall may have forgotten a connection that nothing was sent on.
const FRESH: Duration = Duration::from_secs(5);

/// A connection on its way to a host. Dropping it gives it up.
pub(crate) struct Early {
    target: Destination,
    begun: Instant,
    dialing: AbortOnDropHandle<Result<Box<dyn Stream>>>,
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Early({})", self.target)
    }
}

impl Network {
    /// Begins to connect to the host of `url`, TLS included, in the background. Nothing is begun
    /// where a proxy is due: it may log, charge or refuse each tunnel, and this one may never be used.
    pub(crate) fn dial_early(&self, url: &Url) -> Option<Early> {
        let (target, proxy) = self.way(url).ok()?;
        if proxy.is_some() {
            return None;
        }
        let (network, url) = (self.clone(), url.clone());
        let dialing = tokio::spawn(async move { network.dial(&url).await });
        let dialing = AbortOnDropHandle::new(dialing);
        Some(Early {
            target,
            begun: Instant::now(),
            dialing,
        })
    }
}

impl Early {
    /// True if it goes to the host of this URL.
    pub(crate) fn goes_to(&self, url: &Url) -> bool {
        Destination::of(url).is_ok_and(|target| target == self.target)
    }

    /// The connection, if it goes where `url` says, was made not long ago and is still open.
    pub(crate) async fn into_stream(self, url: &Url) -> Option<Box<dyn Stream>> {
        if !self.goes_to(url) {
            tracing::debug!(to = %self.target, "an early connection is not needed");
            return None;
        }
        if self.begun.elapsed() > FRESH {
            tracing::debug!(to = %self.target, "an early connection is too old");
            return None;
        }
        let mut stream = match self.dialing.await.ok()? {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "an early connection failed");
                return None;
            }
        };
        // The gateway waits for a request, so all that can be read is the end.
        let closed = stream.read(&mut [0]).now_or_never().is_some();
        (!closed).then_some(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::NetworkOptions;
    use std::time::Duration;
    use tokio::net::TcpListener;

    fn network(proxy: Option<&str>) -> Network {
        Network::new(NetworkOptions {
            connect_timeout: Duration::from_secs(5),
            proxy: proxy.map(str::to_owned),
            ..NetworkOptions::default()
        })
    }

    async fn listener() -> (TcpListener, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, format!("ws://{address}/").parse().unwrap())
    }

    #[tokio::test]
    async fn it_serves_its_host_alone() {
        let (listener, url) = listener().await;
        let early = network(None).dial_early(&url).unwrap();
        let _accepted = listener.accept().await.unwrap();
        let same = url.join("/session?token=t").unwrap();
        assert!(early.into_stream(&same).await.is_some());

        let early = network(None).dial_early(&url).unwrap();
        let other = "ws://127.0.0.1:1/".parse().unwrap();
        assert!(early.into_stream(&other).await.is_none());
    }

    #[tokio::test]
    async fn one_that_failed_or_was_closed_is_none() {
        let (listener, url) = listener().await;
        let early = network(None).dial_early(&url).unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        drop(accepted);
        // The end arrives some time after the gateway has closed.
        let mut stream = early.dialing.await.unwrap().unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        let early = Early {
            target: Destination::of(&url).unwrap(),
            begun: Instant::now(),
            dialing: AbortOnDropHandle::new(tokio::spawn(async { Ok(stream) })),
        };
        assert!(early.into_stream(&url).await.is_none());

        drop(listener);
        let early = network(None).dial_early(&url).unwrap();
        assert!(early.into_stream(&url).await.is_none());
    }

    #[tokio::test]
    async fn one_that_waited_for_long_is_none() {
        let (listener, url) = listener().await;
        let mut early = network(None).dial_early(&url).unwrap();
        let _accepted = listener.accept().await.unwrap();
        let stream = (&mut early.dialing).await.unwrap().unwrap();
        early.dialing = AbortOnDropHandle::new(tokio::spawn(async { Ok(stream) }));
        tokio::time::pause();
        tokio::time::advance(FRESH + Duration::from_millis(1)).await;
        assert!(early.into_stream(&url).await.is_none());
    }

    #[tokio::test]
    async fn nothing_is_begun_through_a_proxy() {
        let url = "wss://cn-hangzhou.axt.aliyuncs.com/".parse().unwrap();
        let network = network(Some("http://127.0.0.1:1"));
        assert!(network.dial_early(&url).is_none());
    }
}
