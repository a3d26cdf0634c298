//! The targets that are known without a call: host blocks, and the instances that are remembered.

use crate::cli::Global;
use crate::commands::shared::context::Context;
use crate::config::blocks::Blocks;
use crate::config::env::process_env;
use crate::names::cache::NameCache;
use crate::names::target::Target;
use crate::openapi::region::REGIONS;
use clap_complete::engine::CompletionCandidate;
use std::collections::BTreeMap;
use std::time::Duration;

/// The targets that begin with this text, in order.
pub(super) fn targets(global: &Global, start: &str) -> Vec<CompletionCandidate> {
    let mut known = Known {
        start,
        found: BTreeMap::new(),
    };
    known.add_hosts();
    if let Ok(context) = Context::new(global, Duration::ZERO) {
        known.add_remembered(&context, global.all_regions);
    }
    let found = known.found.into_iter();
    let candidates = found.map(|(text, about)| {
        let about = Some(about).filter(|about| *about != text);
        CompletionCandidate::new(text).help(about.map(Into::into))
    });
    candidates.collect()
}

/// The known targets, each with its description.
struct Known<'a> {
    start: &'a str,
    found: BTreeMap<String, String>,
}

impl Known<'_> {
    fn add(&mut self, text: String, about: &str) {
        if text.starts_with(self.start) {
            self.found.entry(text).or_insert_with(|| about.to_owned());
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
                let target = Target::parse(&known.target);
                let id = known.id.unwrap_or_default();
                let place = |text: &str| format!("{text}.{region}");
                let suffixed = place(&known.target);
                // A name that must be taken as it is has no suffix.
                if is_own || target.region.is_some() {
                    self.add(known.target.clone(), &id);
                } else if Target::parse(&suffixed).region.is_some() {
                    self.add(suffixed, &id);
                }
                // Whoever types an id begins with it.
                if !id.is_empty() && !self.start.is_empty() {
                    let text = if is_own { id.clone() } else { place(&id) };
                    self.add(text, &known.target);
                }
            }
        }
    }
}
