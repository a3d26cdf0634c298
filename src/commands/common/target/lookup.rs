//! Looks for the instances that a TARGET may mean, and remembers which one it was.

use super::choose;
use crate::commands::common::context::Context;
use crate::commands::common::table::table;
use crate::error::{Error, Result};
use crate::names::cache::NameCache;
use crate::names::meaning::Search;
use crate::names::outcome::SearchOutcome;
use crate::openapi::client::Client;
use crate::openapi::ecs::describe::region_ids;
use crate::openapi::ecs::instances::{ListedInstance, find_by_host_name, find_by_name, is_refusal};
use crate::openapi::endpoint::Product;
use crate::printable::escaped;
use crate::ui::Ui;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::time::Duration;

/// The most regions that are asked at the same time.
pub(crate) const REGIONS_AT_ONCE: usize = 10;

/// The region whose API lists the regions, where none is given.
const ANY_REGION: &str = "cn-hangzhou";

/// The most instances that a list of matches shows.
const MOST_SHOWN: usize = 50;

/// Looks a target up.
pub(crate) struct Lookup {
    /// The target without user, as it was typed or as axt's own file says.
    pub(crate) host: String,
    /// The searches, any of which may find it; one without a region looks in every region.
    pub(crate) searches: Vec<Search>,
    /// The time for one call.
    pub(crate) limit: Duration,
    /// Shows warnings.
    pub(crate) ui: Ui,
}

impl Lookup {
    /// The instance that the target names; if there are several, the one that the user chooses, if the user
    /// may be asked. The context's region becomes the instance's.
    pub(crate) async fn settle(
        &self,
        context: &mut Context,
        may_ask: bool,
    ) -> Result<ListedInstance> {
        let instance = match self.outcome(context).await? {
            SearchOutcome::One(instance) => {
                self.remember(context, &instance)?;
                *instance
            }
            SearchOutcome::Several(instances) => self.choose(instances, may_ask).await?,
        };
        tracing::info!("{:?} is {} in {}", self.host, instance.id, instance.region);
        context.enter(&instance.region);
        Ok(instance)
    }

    /// The instance that the user chooses from several, if the user may be asked.
    pub(crate) async fn choose(
        &self,
        instances: Vec<ListedInstance>,
        may_ask: bool,
    ) -> Result<ListedInstance> {
        if !(may_ask && choose::can_ask()) {
            return Err(ambiguous(&self.host, &instances));
        }
        let question = tr!("Which instance is {host:?}?", host = self.host);
        choose_from(instances, question, &self.ui).await
    }

    /// Finds the instances that the target names.
    pub(crate) async fn outcome(&self, context: &Context) -> Result<SearchOutcome> {
        let (answers, asked) = self.answers(context).await?;
        SearchOutcome::of(&self.host, answers, &asked)
    }

    /// All instances that were found, and the regions that were asked.
    pub(crate) async fn answers(
        &self,
        context: &Context,
    ) -> Result<(Vec<ListedInstance>, Vec<String>)> {
        let mut places = Vec::new();
        for search in &self.searches {
            match &search.region {
                Some(region) => places.push((region.clone(), search)),
                None => {
                    let regions = regions(context, self.limit).await?;
                    places.extend(regions.into_iter().map(|region| (region, search)));
                }
            }
        }
        let clients = places.into_iter().map(|(region, search)| {
            let client = context.client_in(Product::Ecs, &region)?;
            Ok((region, client, search))
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let mut asked: Vec<String> = clients.iter().map(|(region, ..)| region.clone()).collect();
        asked.sort();
        asked.dedup();
        let several = asked.len() > 1;
        let answers = stream::iter(&clients).map(async |(region, client, search)| {
            match find_by_name(client, &search.query, None, self.limit).await {
                Err(error) if several && is_refusal(&error) => {
                    self.ui.say(&tr!(
                        "{region} could not be searched: {error}",
                        region,
                        error
                    ));
                    Ok((Vec::new(), None))
                }
                Err(error) => Err(error),
                Ok(found) => {
                    if let Some(error) = &found.unseen {
                        tracing::info!(%error, "managed instances in {region} could not be listed");
                    }
                    let unlisted = found.unseen.is_none().then_some((client, *search));
                    Ok((found.instances, unlisted))
                }
            }
        });
        let answers: Vec<_> = answers.buffered(REGIONS_AT_ONCE).try_collect().await?;
        let (answers, unlisted): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let mut instances = answers.concat();
        if instances.is_empty() {
            let unlisted = unlisted.into_iter().flatten();
            let listed = stream::iter(unlisted)
                .map(|(client, search)| find_by_host_name(client, &search.query, self.limit));
            let listed: Vec<_> = listed.buffered(REGIONS_AT_ONCE).try_collect().await?;
            instances = listed.concat();
        }
        Ok((instances, asked))
    }

    /// The first region to look in, unless all regions are searched.
    pub(crate) fn first_region(&self) -> Option<&str> {
        self.searches.first()?.region.as_deref()
    }

    /// The remembered instance of the target, and the age of that memory.
    pub(crate) fn remembered(&self, context: &Context) -> Option<(String, Option<Duration>)> {
        let known = self.memory(context)?.get(&self.host)?;
        let age = known.age();
        Some((known.id?, age))
    }

    pub(crate) fn remember(&self, context: &Context, instance: &ListedInstance) -> Result<()> {
        let account = context.account()?;
        let memory = NameCache::new(context.cache.as_deref(), &account, &instance.region);
        memory.put([(self.host.clone(), instance.id.clone())]);
        Ok(())
    }

    pub(crate) fn forget(&self, context: &Context) {
        if let Some(memory) = self.memory(context) {
            memory.forget(&self.host);
        }
    }

    fn memory(&self, context: &Context) -> Option<NameCache> {
        let account = context.account().ok()?;
        let region = self.first_region()?;
        Some(NameCache::new(context.cache.as_deref(), &account, region))
    }
}

/// Lets the user choose one of these.
pub(crate) async fn choose_from(
    mut instances: Vec<ListedInstance>,
    question: String,
    ui: &Ui,
) -> Result<ListedInstance> {
    let rows = instances
        .iter()
        .map(|instance| cells(instance).map(|cell| escaped(&cell)).to_vec());
    let place = choose::choose(question, rows.collect(), ui).await?;
    Ok(instances.swap_remove(place))
}

/// The ids of all regions.
pub(crate) async fn regions(context: &Context, limit: Duration) -> Result<Vec<String>> {
    let near = context.region().unwrap_or_else(|_| ANY_REGION.into());
    let client: Client = context.client_in(Product::Ecs, &near)?;
    region_ids(&client, limit).await
}

/// The cells of an instance's row: id, name, address, status, region.
fn cells(instance: &ListedInstance) -> [String; 5] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let addresses = instance.private_ips.iter();
    let mut addresses = addresses
        .chain(&instance.public_ips)
        .chain(&instance.elastic_ip);
    [
        instance.id.clone(),
        text(&instance.name),
        addresses.next().cloned().unwrap_or_default(),
        text(&instance.status),
        instance.region.clone(),
    ]
}

/// The error for a target that is several instances.
fn ambiguous(host: &str, instances: &[ListedInstance]) -> Error {
    let rows: Vec<_> = instances.iter().take(MOST_SHOWN).map(cells).collect();
    let list = table(["ID", "NAME", "IP", "STATUS", "REGION"], &rows, true);
    let count = instances.len();
    let rest = match count - rows.len() {
        0 => String::new(),
        rest => tr!("… and {rest} more\n", rest),
    };
    Error::Target {
        problem: tr!(
            "{host:?} matches {count} instances:\n{list}{rest}",
            host,
            count,
            list,
            rest
        ),
        remedy: tr!("name one of them by its id and region, as in i-….cn-hangzhou").to_owned(),
    }
}
