//! `axt doctor`: checks everything that a session needs, from the settings to a real session.

mod checks;
pub(crate) mod explain;
mod finding;
mod local;
mod report;
mod trial;

use crate::cli::{DoctorArgs, Global};
use crate::commands::common::context::Context;
use crate::commands::common::stops::Stops;
use crate::commands::common::target::resolve;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::names::meaning::Meaning;
use crate::names::target::Target;
use crate::openapi::client::Client;
use crate::openapi::client::retry::Retry;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::ecs::describe::InstallCloudAssistant;
use crate::openapi::endpoint::Product;
use crate::terminal;
use crate::ui::Ui;
use finding::{Finding, Fix};
use futures_util::TryFutureExt as _;
use report::{Report, ReportRow};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Runs `axt doctor`.
pub(crate) async fn run(global: &Global, args: DoctorArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let mut target = args.target.as_deref().map(Target::parse);
    if let Some(target) = &target {
        Meaning::of(target)?;
    }
    let mut report = Report::default();
    let mut context = match context(global, &args) {
        Ok(context) => context,
        Err(error) => {
            report.add("configuration", Finding::of(&error));
            return finish(report, &args, ui);
        }
    };
    let mut unknown = None;
    if let (Some(named), Some(typed)) = (&mut target, &args.target) {
        match resolve::now(&mut context, global, typed, args.connect_timeout).await {
            Ok(id) => named.instance = id,
            Err(error @ Error::Usage(_)) => return Err(error.into()),
            // The checks report failed calls; other errors take their place in the report.
            Err(error) => {
                unknown = Some(Finding::of(&error));
                target = None;
            }
        }
    }
    let scene = match Scene::new(&context, target, &args, &mut report).await {
        Some(scene) => scene,
        None => return finish(report, &args, ui),
    };
    scene.examine(&mut report).await?;
    if let Some(unknown) = unknown {
        report.replace("instance", unknown);
    }
    report.skip_missing(names());
    if args.fix {
        scene.fix(&args, &mut report, ui).await?;
    }
    finish(report, &args, ui)
}

fn context(global: &Global, args: &DoctorArgs) -> Result<Context> {
    #[cfg(feature = "emulator")]
    if args.emulator {
        return Context::emulated(global, args.connect_timeout);
    }
    Context::new(global, args.connect_timeout)
}

fn finish(mut report: Report, args: &DoctorArgs, ui: &Ui) -> anyhow::Result<Exit> {
    report.skip_missing(names());
    ui.data(&if args.json {
        report.json()?
    } else {
        report.text(terminal::stdout_is_terminal())
    })?;
    Ok(if report.is_ok() {
        Exit::Ok
    } else {
        Exit::Unsuccessful
    })
}

/// The names of the checks before the trial, in order.
const CHECKS: &[&str] = &[
    "configuration",
    "settings",
    "credentials",
    "network",
    "api",
    "clock",
    "identity",
    "region",
    "session manager",
    "instance",
    "agent",
    "agent online",
    "agent version",
];

/// The names of all checks, in order.
fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().chain(trial::PHASES).copied()
}

/// Everything that the checks by API call need.
struct Scene<'a> {
    context: &'a Context,
    ecs: Client,
    sts: Client,
    target: Option<Target>,
    /// A target was given, even if it is not known which instance it is.
    was_named: bool,
    limit: Duration,
}

impl<'a> Scene<'a> {
    /// Checks this machine and the way to the API. `None` if the checks that need the API can't follow.
    async fn new(
        context: &'a Context,
        target: Option<Target>,
        args: &DoctorArgs,
        report: &mut Report,
    ) -> Option<Self> {
        let settings = &context.settings;
        report.add("configuration", local::configuration(settings));
        report.add("settings", local::region_and_endpoint(settings));
        let limit = args.connect_timeout;
        report.add("credentials", local::credentials(context).await);
        let retry = Retry {
            attempts: 2,
            ..Retry::default()
        };
        let client = |product| {
            context
                .client(product)
                .map(|client| client.with_retry(retry))
        };
        let (ecs, sts) = match (client(Product::Ecs), client(Product::Sts)) {
            (Ok(ecs), Ok(sts)) => (ecs, sts),
            (Err(error), _) | (_, Err(error)) => {
                // A fault of the settings or credentials is in the report already.
                if report.is_ok() {
                    report.add("network", Finding::of(&error));
                }
                return None;
            }
        };
        report.add(
            "network",
            match context.network.describe(ecs.endpoint()) {
                Ok(route) => Finding::ok(route.to_string()),
                Err(error) => Finding::of(&error),
            },
        );
        let probe = match ecs.probe(limit).await {
            Ok(probe) => probe,
            Err(error) => {
                report.add("api", Finding::of(&error));
                return None;
            }
        };
        let took = probe.took.as_millis();
        report.add(
            "api",
            Finding::ok(tr!("{host} answered in {took} ms", host = probe.host, took)),
        );
        report.add("clock", local::clock(probe.clock));
        report.is_ok().then_some(Self {
            context,
            ecs,
            sts,
            target,
            was_named: args.target.is_some(),
            limit,
        })
    }

    /// Makes the calls, then tries a real session. A step is skipped when an earlier one failed.
    async fn examine(&self, report: &mut Report) -> Result<()> {
        if report.is_ok() {
            let (identity, region) = tokio::join!(
                self.check(
                    ["identity"],
                    checks::identity(&self.sts, self.limit).map_ok(|finding| [finding])
                ),
                self.check(
                    ["region"],
                    checks::region(&self.ecs, self.limit).map_ok(|finding| [finding])
                ),
            );
            report.rows.extend(identity.into_iter().chain(region));
        }
        if report.is_ok() {
            let (account, instance) = tokio::join!(
                self.check(
                    ["session manager"],
                    checks::session_manager(&self.ecs, self.limit).map_ok(|finding| [finding])
                ),
                self.check(
                    ["instance", "agent", "agent online", "agent version"],
                    self.instance_and_agent()
                ),
            );
            report.rows.extend(account.into_iter().chain(instance));
        }
        if report.is_ok() {
            return self.try_session(report).await;
        }
        Ok(())
    }

    fn no_target(&self) -> Finding {
        Finding::skip(if self.was_named {
            tr!("the instance is not known")
        } else {
            tr!("no TARGET was given")
        })
    }

    async fn instance_and_agent(&self) -> Result<[Finding; 4]> {
        let Some(target) = &self.target else {
            return Ok(std::array::from_fn(|_| self.no_target()));
        };
        checks::instance_and_agent(&self.ecs, &target.instance, self.limit).await
    }

    /// Makes one check, which may answer several questions. An error becomes its first finding.
    async fn check<const N: usize>(
        &self,
        names: [&'static str; N],
        check: impl Future<Output = Result<[Finding; N]>>,
    ) -> Vec<ReportRow> {
        let start = Instant::now();
        let found = timeout(self.limit, check).await;
        let found = found.unwrap_or_else(|_| {
            Err(Error::Timeout {
                what: tr!("the check").into(),
                limit: self.limit,
            })
        });
        let findings = found.map_or_else(|error| vec![Finding::of(&error)], Vec::from);
        let unknown = std::iter::repeat_with(|| Finding::skip(tr!("unknown")));
        let took = start.elapsed();
        let rows = names.into_iter().zip(findings.into_iter().chain(unknown));
        let row = |(name, finding)| ReportRow {
            name,
            finding,
            took,
        };
        rows.map(row).collect()
    }

    async fn try_session(&self, report: &mut Report) -> Result<()> {
        let Some(target) = &self.target else {
            trial::PHASES
                .iter()
                .for_each(|name| report.add(name, self.no_target()));
            return Ok(());
        };
        // From here on a signal must not leave a session open.
        let mut stops = Stops::listen(None).map_err(|source| Error::Io {
            what: tr!("signals can't be caught"),
            source,
        })?;
        let mut request = StartTerminalSession::new(&target.instance);
        request.username = target.user.clone();
        request.connection_type = self.context.settings.connection_type.value;
        let network = &self.context.network;
        let tried = trial::run(&self.ecs, network, &request, self.limit, &mut stops);
        for (name, finding) in trial::PHASES.iter().zip(tried.await?) {
            report.add(name, finding);
        }
        Ok(())
    }

    /// Repairs what axt can repair.
    async fn fix(&self, args: &DoctorArgs, report: &mut Report, ui: &Ui) -> anyhow::Result<()> {
        let (Some(Fix::InstallAgent), Some(target)) = (report.fix(), &self.target) else {
            return Ok(());
        };
        let id = &target.instance;
        let can_ask = terminal::stdin_is_terminal() && terminal::stderr_is_terminal();
        if !args.yes {
            if !can_ask {
                report.add(
                    "fix",
                    Finding::warn(
                        tr!("nothing was installed"),
                        tr!("there is no terminal to ask on: give --yes"),
                    ),
                );
                return Ok(());
            }
            if !ui.ask(&tr!("install the Cloud Assistant agent on {id}?", id))? {
                report.add("fix", Finding::skip(tr!("nothing was installed")));
                return Ok(());
            }
        }
        let install = InstallCloudAssistant {
            instance_id: id.clone(),
        };
        report.add(
            "fix",
            match self.ecs.call(&install, self.limit).await {
                Ok(_) => Finding::warn(
                    tr!("the Cloud Assistant agent will be installed"),
                    tr!("restart {id}: the installation takes effect then", id),
                ),
                Err(error) => Finding::of(&error),
            },
        );
        Ok(())
    }
}
