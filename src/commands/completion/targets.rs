//! The targets that are known without a call: host blocks, and the instances that are remembered.

use crate::cli::{Candidate, Global};
use crate::commands::common::context::Context;
use crate::config::blocks::Blocks;
use crate::config::env::process_env;
use crate::names::cache::NameCache;
use crate::names::target::Target;
use crate::openapi::region::REGIONS;
use std::time::Duration;

/// The targets that begin with this text, in order.
pub(super) fn targets(global: &Global, start: &str) -> Vec<Candidate> {
    let mut known = KnownTargets {
        start,
        found: Vec::new(),
    };
    known.add_hosts();
    if let Ok(context) = Context::new(global, Duration::ZERO) {
        known.add_remembered(&context, global.all_regions);
    }
    let mut found = known.found;
    // The sort keeps the order of equals, so that the first one found stays.
    found.sort_by(|one, other| one.word.cmp(&other.word));
    found.dedup_by(|later, first| later.word == first.word);
    found
}

/// The known targets, each with its description.
struct KnownTargets<'a> {
    start: &'a str,
    found: Vec<Candidate>,
}

impl KnownTargets<'_> {
    fn add(&mut self, word: String, about: &str) {
        if word.starts_with(self.start) {
            let about = if about == word { "" } else { about }.to_owned();
            self.found.push(Candidate { word, about });
        }
    }

    /// The names of host blocks that are no patterns.
    fn add_hosts(&mut self) {
        let blocks = Blocks::load(&process_env).ok().flatten();
        let hosts = blocks.into_iter().flat_map(|blocks| blocks.hosts);
        for host in hosts.filter(|host| !host.pattern.contains(['*', '?'])) {
            self.add(host.pattern, "host block");
        }
    }

    /// The remembered targets of the region; those of other regions with the region's id, unless all are asked.
    fn add_remembered(&mut self, context: &Context, all_regions: bool) {
        let Ok(account) = context.account() else {
            return;
        };
        let own = context.region().ok();
        let others = REGIONS
            .iter()
            .filter(|region| own.as_deref() != Some(**region));
        for region in own.as_deref().iter().chain(others) {
            let is_own = all_regions || own.as_deref() == Some(*region);
            for known in NameCache::new(context.cache.as_deref(), &account, region).all() {
                let id = known.id.unwrap_or_default();
                if self.may_begin(&known.target) {
                    self.add_target(&known.target, &id, region, is_own);
                }
                // A user who types an id begins with it.
                if !id.is_empty() && !self.start.is_empty() && self.may_begin(&id) {
                    let word = if is_own { id } else { format!("{id}.{region}") };
                    self.add(word, &known.target);
                }
            }
        }
    }

    /// Checks that the text, or the text with a region, can begin with the typed characters.
    fn may_begin(&self, text: &str) -> bool {
        text.starts_with(self.start) || self.start.starts_with(text)
    }

    /// Adds a target of a region, with the region's id if it is not the `own` one.
    fn add_target(&mut self, target: &str, id: &str, region: &str, own: bool) {
        if own || Target::parse(target).region.is_some() {
            return self.add(target.to_owned(), id);
        }
        let suffixed = format!("{target}.{region}");
        // A name that must be taken as it is has no suffix.
        if Target::parse(&suffixed).region.is_some() {
            self.add(suffixed, id);
        }
    }
}
