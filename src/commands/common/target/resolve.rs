//! Finds the instance of a TARGET, and confirms one that is only remembered.

use super::choose;
use super::lookup::{Lookup, choose_from};
use crate::cli::{self, Global};
use crate::commands::common::context::Context;
use crate::commands::common::session::Started;
use crate::commands::common::session::confirmation::Confirmation;
use crate::config::settings::Sourced;
use crate::error::{Error, Result};
use crate::names::cache::NameCache;
use crate::names::meaning::{Meaning, Search};
use crate::names::outcome::{SearchOutcome, check_is_up};
use crate::names::target::Target;
use crate::openapi::ecs::instances::{ListedInstance, Query};
use crate::openapi::ecs::{StartTerminalSession, check_instance_id};
use crate::openapi::endpoint::Product;
use crate::protocol::session::InputFrom;
use crate::ui::Ui;
use std::pin::{Pin, pin};
use std::time::Duration;

/// The permissions of a command when it resolves a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct May {
    /// Begin with the remembered instance, and confirm it in [`start`].
    pub(crate) guess: bool,
    /// Ask the user, if there is one.
    pub(crate) ask: bool,
}

/// The instance that a target is.
pub(crate) struct ResolvedTarget {
    /// Its id.
    pub(crate) id: String,
    /// An instance that is only remembered.
    doubt: Option<Doubt>,
}

/// The checks that must confirm a remembered instance before any of the user's data is sent to it.
struct Doubt {
    lookup: Lookup,
    /// The user may be asked which instance is meant.
    may_ask: bool,
}

impl ResolvedTarget {
    /// True if nothing has to be confirmed.
    #[must_use]
    pub(crate) fn is_certain(&self) -> bool {
        self.doubt.is_none()
    }
}

/// Finds the instance of a target, and changes the context's region to its own.
///
/// # Errors
/// [`Error::Usage`] for a text that is no target; [`Error::Target`] if it does not mean exactly one instance;
/// the errors of [`Client::call`](crate::openapi::client::Client::call).
pub(crate) async fn now(
    context: &mut Context,
    global: &Global,
    target: &str,
    limit: Duration,
) -> Result<String> {
    match meaning(context, global, target, limit)? {
        Ok(id) => Ok(id),
        Err(lookup) => {
            let instance = lookup.settle(context, true).await?;
            Ok(instance.id)
        }
    }
}

/// Finds the instance for a session: it must be up, and a remembered one may be used. A memory younger than
/// `--name-cache` is taken as it is; an older one only if the caller may guess, and [`start`] confirms it.
/// Without a target the user is asked, if the caller allows it.
///
/// # Errors
/// As [`now`]; [`Error::Target`] also for an instance that is not up.
pub(crate) async fn for_session(
    context: &mut Context,
    global: &Global,
    args: &cli::SessionArgs,
    target: Option<&str>,
    may: May,
) -> Result<ResolvedTarget> {
    let certain = |id| ResolvedTarget { id, doubt: None };
    if args.wss_url.is_some() {
        return Ok(certain(Target::parse(target.unwrap_or_default()).instance));
    }
    let limit = args.connection.connect_timeout;
    let Some(target) = target else {
        let id = any(context, global, may, limit).await?;
        return Ok(certain(id));
    };
    let lookup = match meaning(context, global, target, limit)? {
        Ok(id) => return Ok(certain(id)),
        Err(lookup) => lookup,
    };
    if let Some((id, age)) = lookup.remembered(context) {
        let is_young = age.is_some_and(|age| age < args.name_cache);
        if is_young || may.guess {
            let what = if is_young { "is" } else { "was" };
            tracing::info!("{:?} {what} {id}, as remembered", lookup.host);
            if let Some(region) = lookup.first_region() {
                context.enter(region);
            }
            let may_ask = may.ask && !global.never_asks;
            let doubt = (!is_young).then_some(Doubt { lookup, may_ask });
            return Ok(ResolvedTarget { id, doubt });
        }
    }
    // A caller that may guess starts its session at once.
    if may.guess {
        prepare(context, &lookup)?;
    }
    let instance = lookup
        .settle(context, may.ask && !global.never_asks)
        .await?;
    check_is_up(&lookup.host, &instance)?;
    Ok(certain(instance.id))
}

/// Connects to the likely gateway while the target is looked up, which takes longer than the look-up.
fn prepare(context: &Context, lookup: &Lookup) -> Result<()> {
    if let Some(region) = lookup.first_region() {
        let client = context.client_in(Product::Ecs, region)?;
        let network = context.settings.connection_type.value;
        context.gateways.prepare(&client, network);
    }
    Ok(())
}

/// Starts the session that `request` asks for, whose input may go `from` then on. If the instance is only
/// remembered, it is looked up meanwhile; if the target is another instance now, the session is ended and one
/// is started there. `request` and `resolved` then name that instance.
pub(crate) async fn start(
    context: &Context,
    args: &cli::SessionArgs,
    request: &mut StartTerminalSession,
    resolved: &mut ResolvedTarget,
    from: InputFrom,
    stop: impl Future<Output = Error>,
) -> Result<Started> {
    let Some(Doubt { lookup, may_ask }) = resolved.doubt.take() else {
        let given = Confirmation::given();
        return Started::start(context, args, request.clone(), &given, from, stop).await;
    };
    let mut stop = pin!(stop);
    let how = (args, from);
    let (started, found) = start_and_look(context, how, request, &lookup, stop.as_mut()).await;
    if let Err(Error::Stopped(_)) = started {
        return started;
    }
    if let Ok(SearchOutcome::One(instance)) = &found
        && is_same(instance, request)
    {
        lookup.remember(context, instance)?;
        return started;
    }
    if let Ok(started) = &started {
        started.end().await;
    }
    if matches!(
        found,
        Ok(SearchOutcome::Several(_)) | Err(Error::Target { .. })
    ) {
        lookup.forget(context);
    }
    let instance = match found? {
        SearchOutcome::One(instance) => {
            check_is_up(&lookup.host, &instance).inspect_err(|_| lookup.forget(context))?;
            lookup.remember(context, &instance)?;
            *instance
        }
        SearchOutcome::Several(instances) => {
            let instance = lookup.choose(instances, may_ask).await?;
            check_is_up(&lookup.host, &instance)?;
            instance
        }
    };
    tracing::info!(
        "{:?} is now {}: ending the session on {}",
        lookup.host,
        instance.id,
        request.instance_id
    );
    resolved.id.clone_from(&instance.id);
    request.instance_id.clone_from(&instance.id);
    request.client_token = StartTerminalSession::new("").client_token;
    let client = context.client_in(Product::Ecs, &instance.region)?;
    let given = Confirmation::given();
    Started::by(context, args, &client, request.clone(), &given, from, stop).await
}

/// Starts the session, and looks up meanwhile what the target names: before that is the session's instance,
/// nothing is connected to.
async fn start_and_look(
    context: &Context,
    (args, from): (&cli::SessionArgs, InputFrom),
    request: &StartTerminalSession,
    lookup: &Lookup,
    mut stop: Pin<&mut impl Future<Output = Error>>,
) -> (Result<Started>, Result<SearchOutcome>) {
    let (confirm, confirmation) = Confirmation::later();
    let mut looking = pin!(async {
        let found = lookup.outcome(context).await;
        let is_right = matches!(&found, Ok(SearchOutcome::One(one)) if is_same(one, request));
        confirm.send_replace(Some(is_right));
        found
    });
    let mut found = None;
    let started = {
        let request = request.clone();
        let stopped = stop.as_mut();
        let mut starting = pin!(Started::start(
            context,
            args,
            request,
            &confirmation,
            from,
            stopped
        ));
        loop {
            tokio::select! {
                started = &mut starting => break started,
                outcome = &mut looking, if found.is_none() => found = Some(outcome),
            }
        }
    };
    let found = match (found, &started) {
        (Some(found), _) => found,
        (None, Err(Error::Stopped(stop))) => Err(Error::Stopped(*stop)),
        (None, _) => tokio::select! {
            found = looking => found,
            error = stop => Err(error),
        },
    };
    (started, found)
}

/// True if this is the instance of the session that was asked for, and can take one.
fn is_same(instance: &ListedInstance, request: &StartTerminalSession) -> bool {
    instance.id == request.instance_id && instance.is_up()
}

/// The instance that the user chooses from all.
async fn any(context: &mut Context, global: &Global, may: May, limit: Duration) -> Result<String> {
    if !may.ask || global.never_asks || !choose::can_ask() {
        return Err(Error::Usage(tr!("a TARGET is missing").into()));
    }
    let all = Search {
        query: Query::default(),
        region: None,
    };
    let lookup = Lookup {
        host: "*".into(),
        searches: placed(vec![all], context, global.all_regions)?,
        limit,
        ui: Ui::new(global.quiet),
    };
    let (mut instances, asked) = lookup.answers(context).await?;
    if instances.is_empty() {
        return Err(Error::Target {
            problem: tr!(
                "there are no instances in {asked}",
                asked = asked.join(", ")
            ),
            remedy: tr!("--region looks in another region, --all-regions in all").into(),
        });
    }
    let account = context.account()?;
    for region in &asked {
        let here = instances.iter().filter(|i| i.region == *region);
        // Managed instances may be missing.
        NameCache::new(context.cache.as_deref(), &account, region).learn(here, false);
    }
    instances.sort_by(|one, other| one.name.cmp(&other.name));
    let question = tr!("Which instance?").to_owned();
    let instance = choose_from(instances, question, &lookup.ui).await?;
    check_is_up(instance.name.as_deref().unwrap_or(&instance.id), &instance)?;
    context.enter(&instance.region);
    Ok(instance.id)
}

/// Reads a target. The instance that axt's own file sets for it takes the place of what was typed, unless that
/// is an id: an id means its own instance always.
///
/// # Errors
/// [`Error::Usage`] if `--region` names another region.
pub(crate) fn read(global: &Global, target: &str) -> Result<Target> {
    let mut target = Target::parse(target);
    if let Some(alias) = alias(global, &target) {
        let meant = Target::parse(&alias.value);
        target.instance = meant.instance;
        target.region = target.region.or(meant.region);
    }
    check_region(global, &target)?;
    Ok(target)
}

/// The instance that axt's own file sets for this target.
pub(crate) fn alias<'a>(global: &'a Global, target: &Target) -> Option<&'a Sourced<String>> {
    let is_fixed = target.is_forced_name() || check_instance_id(&target.instance).is_ok();
    global.alias.as_ref().filter(|_| !is_fixed)
}

/// The meaning of the target: an id, or something to look up. The context's region becomes the target's.
fn meaning(
    context: &mut Context,
    global: &Global,
    target: &str,
    limit: Duration,
) -> Result<Result<String, Lookup>> {
    let target = read(global, target)?;
    Ok(match Meaning::of(&target)? {
        Meaning::Id(id) => {
            if let Some(region) = &target.region {
                context.enter(region);
            }
            Ok(id)
        }
        Meaning::Found(searches) => Err(Lookup {
            host: target.host(),
            searches: placed(searches, context, global.all_regions)?,
            limit,
            ui: Ui::new(global.quiet),
        }),
    })
}

/// The searches, with the region that is configured where they name none, unless all are wanted.
fn placed(searches: Vec<Search>, context: &Context, all: bool) -> Result<Vec<Search>> {
    if all {
        return Ok(searches);
    }
    let mut placed = Vec::new();
    let several = searches.len() > 1;
    for mut search in searches {
        search.region = match (search.region, context.region()) {
            (Some(region), _) => Some(region),
            (None, Ok(region)) => Some(region),
            // What has the form of a suffix is the only region that is known.
            (None, Err(_)) if several => continue,
            (None, Err(error)) => return Err(error),
        };
        placed.push(search);
    }
    Ok(placed)
}

/// Fails if `--region` names another region than the target.
fn check_region(global: &Global, target: &Target) -> Result<()> {
    // What a variable or a file says contradicts nothing.
    let typed = global
        .region
        .as_deref()
        .filter(|_| global.is_typed("region"));
    match (&target.region, typed) {
        (Some(region), Some(other)) if other != region => Err(Error::Usage(tr!(
            "the target names the region {region}, but --region is {other}",
            region,
            other
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::config::settings::Source;
    use clap::Parser as _;

    #[test]
    fn the_suffix_goes_with_all_but_a_contrary_flag() {
        let fits = |region: Option<&str>, is_variable: bool| {
            let mut global = Cli::parse_from(["axt", "man"]).global;
            global.region = region.map(str::to_owned);
            if is_variable {
                let source = Source::Env("AXT_REGION".into());
                global.sources.insert("region".into(), source);
            }
            check_region(&global, &Target::parse("i-1.cn-beijing")).is_ok()
        };
        assert!(fits(None, false) && fits(Some("cn-beijing"), false));
        assert!(fits(Some("cn-qingdao"), true));
        assert!(!fits(Some("cn-qingdao"), false));
    }
}
