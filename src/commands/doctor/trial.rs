//! The last check, a real session: it is started, connected, opened, sent a line through and ended,
//! and each phase is timed.

use super::finding::{Finding, Verdict};
use crate::commands::common::session::{end_by_token, may_have_started};
use crate::commands::common::stops::Stops;
use crate::error::{Error, Result};
use crate::net::Network;
use crate::openapi::client::Client;
use crate::openapi::ecs::{EndTerminalSession, StartTerminalSession};
use crate::protocol::channel::Ending;
use crate::protocol::filter::{Filter, Flow};
use crate::protocol::session::{self, Session};
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use crate::wire::{self, SessionUrl};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The phases, in their order.
pub(crate) const PHASES: &[&str] = &["session", "gateway", "terminal", "echo", "session end"];

/// Goes through the phases. Those after a failed one are skipped, but a started session is ended.
///
/// # Errors
/// [`Error::Stopped`] when one of `stops` comes meanwhile.
pub(crate) async fn run(
    client: &Client,
    network: &Network,
    request: &StartTerminalSession,
    limit: Duration,
    stops: &mut Stops,
) -> Result<Vec<Finding>> {
    let mut findings = vec![];
    let start = Instant::now();
    match client.call(request, limit).await {
        Ok(started) => {
            findings.push(Finding::ok(tr!("started in {time}", time = since(start))));
            let token = Some(started.security_token);
            let connecting = async {
                let target = SessionUrl::session(&started.web_socket_url, token)?;
                connected(network, &target, limit, &mut findings).await
            };
            let connected = stops.run(connecting).await;
            let ended = end(client, started.session_id, limit).await;
            match connected {
                Err(Error::Stopped(stop)) => return Err(stop.into()),
                Err(error) => findings.push(Finding::of(&error)),
                Ok(()) => {}
            }
            findings.resize_with(PHASES.len() - 1, skipped);
            findings.push(ended);
        }
        Err(error) => {
            if may_have_started(&error) {
                end_by_token(client, request).await;
            }
            // A denial fails here: without that permission there is no session.
            findings.push(Finding {
                verdict: Verdict::Fail,
                ..Finding::of(&error)
            });
        }
    }
    findings.resize_with(PHASES.len(), skipped);
    Ok(findings)
}

fn skipped() -> Finding {
    Finding::skip(tr!("skipped: an earlier step failed"))
}

/// The phases that need a connection. An error belongs to the first phase that `findings` lacks.
async fn connected(
    network: &Network,
    target: &SessionUrl,
    limit: Duration,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let start = Instant::now();
    let stream = network.dial(target.url()).await?;
    let reached = since(start);
    let opening = timeout(limit, wire::open(target, stream)).await;
    let (outgoing, incoming) = opening.map_err(|_| Error::Timeout {
        what: tr!("the gateway's answer").into(),
        limit,
    })??;
    let way = network.describe(target.url())?;
    findings.push(Finding::ok(tr!(
        "{way}: reached in {reached}, answered in {answered}",
        way,
        reached,
        answered = since(start)
    )));
    let (opened, echoed) = echo(Link::new(outgoing, incoming), limit).await;
    if let Some(opened) = opened {
        findings.push(Finding::ok(tr!(
            "the agent answered in {time}",
            time = ms(opened)
        )));
    }
    findings.push(Finding::ok(tr!("came back in {time}", time = ms(echoed?))));
    Ok(())
}

async fn end(client: &Client, session_id: String, limit: Duration) -> Finding {
    let start = Instant::now();
    match client.call(&EndTerminalSession { session_id }, limit).await {
        Ok(_) => Finding::ok(tr!("ended in {time}", time = since(start))),
        Err(error) => Finding::of(&error),
    }
}

/// Has the terminal echo a line. Gives the times from the connection to the agent's answer, and from
/// that to the echo.
async fn echo(link: Link, limit: Duration) -> (Option<Duration>, Result<Duration>) {
    let marker = format!("axt-{:08x}", fastrand::u32(..));
    let (mut typing, typed) = tokio::io::duplex(256);
    let (control, asked) = mpsc::channel(1);
    let _ = control.try_send(Control::Resize { rows: 24, cols: 80 });
    let (opened, mut on_open) = mpsc::channel(1);
    let mut host = Watch {
        opened: opened.clone(),
    };
    let now = pump::now();
    let options = pump::PumpOptions {
        escape: None,
        resume: false,
        open_within: Some(limit),
        linger: None,
        trusts_end: true,
    };
    let (echoed, mut on_echo) = mpsc::channel(1);
    let filter = Echo {
        marker: marker.clone().into_bytes(),
        seen: vec![],
        opened,
        echoed,
    };
    let channel = Session::new(session::SessionOptions::default(), now);
    let ends = (typed, tokio::io::sink());
    let pump = Pump::new(
        Box::new(channel),
        Box::new(filter),
        ends,
        asked,
        &mut host,
        options,
    );
    // A space before it keeps the line out of most shells' histories.
    let line = format!(" echo {marker}\r");
    let start = Instant::now();
    let mut opened_at = None;
    let outcome = {
        let waiting = async {
            opened_at = on_open.recv().await;
            // The duplex is longer than the line, and its other end outlives this.
            let _ = typing.write_all(line.as_bytes()).await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            outcome = pump.run(link) => Some(outcome),
            () = waiting => None,
        }
    };
    let echoed = match outcome {
        _ if on_echo.try_recv().is_ok() => Ok(opened_at.unwrap_or(start).elapsed()),
        Some(Outcome::Ended(Ending::Failed(error))) => Err(error),
        Some(_) => Err(Error::Remote(
            tr!("the session ended before the echo").into(),
        )),
        None => Err(Error::Timeout {
            what: tr!("the echo").into(),
            limit,
        }),
    };
    (opened_at.map(|at| at - start), echoed)
}

/// Notes when the agent has answered.
struct Watch {
    opened: mpsc::Sender<Instant>,
}

impl Host for Watch {
    fn reconnect(&mut self, _resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        Box::pin(async { Err(Error::Lost(tr!("a trial is not resumed").into())) })
    }

    fn notice(&mut self, notice: Notice) {
        if matches!(notice, Notice::Opened) {
            let _ = self.opened.try_send(Instant::now());
        }
    }
}

/// Waits for the marker in the output, and ends the session when it was there.
struct Echo {
    marker: Vec<u8>,
    seen: Vec<u8>,
    opened: mpsc::Sender<Instant>,
    echoed: mpsc::Sender<()>,
}

impl Filter for Echo {
    fn output(&mut self, _now: Instant, bytes: &[u8], flow: &mut Flow) {
        // Old agents send no Opened status; their shell's prompt comes first.
        let _ = self.opened.try_send(Instant::now());
        self.seen.extend_from_slice(bytes);
        let marker = self.marker.as_slice();
        if self.seen.windows(marker.len()).any(|part| part == marker) {
            let _ = self.echoed.try_send(());
            flow.ending = Some(Ending::Normal);
        }
        // Only the beginning of a marker at the end can still be completed.
        let old = self.seen.len().saturating_sub(marker.len());
        self.seen.drain(..old);
    }
}

fn since(start: Instant) -> String {
    ms(start.elapsed())
}

fn ms(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> bool {
        let mut echo = Echo {
            marker: b"axt-12345678".to_vec(),
            seen: vec![],
            opened: mpsc::channel(1).0,
            echoed: mpsc::channel(1).0,
        };
        let mut flow = Flow::default();
        pieces
            .iter()
            .for_each(|piece| echo.output(Instant::now(), piece, &mut flow));
        flow.ending.is_some()
    }

    #[test]
    fn an_echo_is_found_wherever_it_is_cut() {
        let text = b"$ echo axt-12345678\r\n";
        for cut in 0..text.len() {
            assert!(found(&[&text[..cut], &text[cut..]]), "{cut}");
        }
        assert!(!found(&[b"axt-1234", b"", b"-5678 axt-"]));
    }
}
