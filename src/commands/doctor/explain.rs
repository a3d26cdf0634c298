//! Explains a failed connect by the doctor's checks that fit its error.

use super::checks;
use super::finding::{Finding, Verdict};
use crate::cli;
use crate::commands::common::context::Context;
use crate::commands::common::report;
use crate::commands::common::stops::Stops;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::hints;
use crate::openapi::endpoint::Product;
use crate::printable::escaped;
use crate::ui::Ui;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The time limit for explaining a failure.
const EXPLAINING: Duration = Duration::from_secs(4);

/// Shows the failure of a session with the instance `id`, with an explanation. A failure that no check can
/// explain is returned.
pub(crate) async fn explained(
    done: anyhow::Result<Exit>,
    context: &Context,
    args: &cli::SessionArgs,
    id: &str,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let error = match done {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    let cause = match error.downcast_ref() {
        Some(Error::InputCut { error, .. }) => Some(&**error),
        cause => cause,
    };
    let Some(cause) = cause.filter(|cause| args.wss_url.is_none() && symptom(cause).is_some())
    else {
        return Err(error);
    };
    report::failure(ui, &error, false);
    let explaining = async { Ok(explain(context, id, cause).await) };
    let reasons = Stops::listen(None)?.run(explaining).await;
    let reasons = reasons.unwrap_or_default();
    reasons.iter().for_each(|reason| ui.hint(reason));
    Ok(Exit::Failed)
}

/// Runs `session`. If the instance `id` takes long to answer, tells the user what may be the reason.
pub(crate) async fn with_explanation<T>(
    session: impl Future<Output = T>,
    answered: CancellationToken,
    (context, args, id): (&Context, &cli::SessionArgs, &str),
) -> T {
    let wonder = async {
        let slow = tokio::time::sleep(args.connection.connect_timeout / 3);
        if args.wss_url.is_none() && answered.run_until_cancelled(slow).await.is_some() {
            let reasons = answered
                .run_until_cancelled(possible_reasons(context, id))
                .await;
            let reasons = reasons.unwrap_or_default();
            let say = |reason: &String| context.say(&tr!("no answer yet: {reason}", reason));
            reasons.iter().for_each(say);
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        done = session => done,
        never = wonder => never,
    }
}

/// Finds why the instance `id` may take long to answer, one line for each reason.
async fn possible_reasons(context: &Context, id: &str) -> Vec<String> {
    let looking = timeout(EXPLAINING, look(context, id, Symptom::Instance)).await;
    let findings = looking.ok().and_then(Result::ok).unwrap_or_default();
    let fails = |finding: &Finding| finding.verdict == Verdict::Fail;
    findings.into_iter().filter(fails).map(line).collect()
}

/// Finds what explains a failed connect to the instance `id`, one line for each reason. There is none
/// when the checks find nothing or take too long.
async fn explain(context: &Context, id: &str, error: &Error) -> Vec<String> {
    let Some(symptom) = symptom(error) else {
        return vec![];
    };
    let findings = match timeout(EXPLAINING, look(context, id, symptom)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => {
            tracing::info!(%error, "the checks that explain a failure failed");
            vec![]
        }
        Err(_) => vec![],
    };
    let well = |finding: &Finding| matches!(finding.verdict, Verdict::Ok | Verdict::Skip);
    let all_is_well = !findings.is_empty() && findings.iter().all(well);
    let none_fails = findings
        .iter()
        .all(|finding| finding.verdict != Verdict::Fail);
    let mut reasons: Vec<String> = vec![];
    match error {
        // When every check passes, the gateway's reason is all that is known.
        Error::Ended { detail, .. } if none_fails => {
            reasons.extend(hints::closed_reason(detail).map(Into::into));
        }
        Error::AgentTimeout { .. } if all_is_well => reasons.push(tr!(
            "the API says that the instance and the agent are ready: try again; `axt doctor {id}` tries each step",
            id
        )),
        Error::AgentTimeout { .. } if findings.is_empty() => {
            reasons.push(tr!("`axt doctor {id}` tries each step", id));
        }
        _ => {}
    }
    let telling = findings.into_iter().filter(|finding| !well(finding));
    reasons.extend(telling.map(line));
    reasons
}

fn line(finding: Finding) -> String {
    // The text may quote the API. It must stay on one line.
    escaped(&match finding.remedy {
        Some(remedy) => tr!("{what}: {why}", what = finding.text, why = remedy),
        None => finding.text,
    })
}

async fn look(context: &Context, id: &str, symptom: Symptom) -> Result<Vec<Finding>> {
    let client = context.client(Product::Ecs)?;
    Ok(match symptom {
        Symptom::Instance => {
            let (instance, account) = tokio::join!(
                checks::instance_and_agent(&client, id, EXPLAINING),
                checks::session_manager(&client, EXPLAINING)
            );
            instance?.into_iter().chain(account).collect()
        }
        Symptom::Identity => {
            let sts = context.client(Product::Sts)?;
            let caller = checks::identity(&sts, EXPLAINING).await?;
            if caller.verdict != Verdict::Ok {
                return Ok(vec![caller]);
            }
            let text = tr!(
                "the call was made in {region} as {caller}",
                region = client.region(),
                caller = caller.text
            );
            vec![Finding::new(Verdict::Warn, text, None)]
        }
    })
}

/// The group of checks that may explain a failure.
enum Symptom {
    /// The checks of the instance and its agent.
    Instance,
    /// The checks of the caller's identity and region.
    Identity,
}

fn symptom(error: &Error) -> Option<Symptom> {
    match error {
        // Not the time-outs of calls: the checks would ask the same slow API.
        Error::AgentTimeout { .. } => Some(Symptom::Instance),
        Error::Ended { code, .. } => match code.as_str() {
            "Aborted"
            | "AgentTimeout"
            | "InitChannelFailed"
            | "OpenChannelFailed"
            | "ServerDomainUnavailable" => Some(Symptom::Instance),
            _ => None,
        },
        Error::Lost(_) => Some(Symptom::Instance),
        Error::Api(error) => {
            let code = error.code.as_str();
            let elsewhere = hints::is_denial(code) || code == "InvalidInstance.NotFound";
            elsewhere.then_some(Symptom::Identity)
        }
        _ => None,
    }
}
