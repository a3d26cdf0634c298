//! The instances that an emulator has.

mod file;
pub(super) mod instance;

use super::state::pages::Pages;
use instance::{Instance, InstanceState};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The declared instances; every other id is a running instance in every region.
pub(crate) struct Fleet {
    /// The region of instances that name none.
    own_region: String,
    declared: Mutex<Arc<Declared>>,
    /// The pages of the lists of instances.
    pub(crate) pages: Pages<usize>,
}

#[derive(Default)]
struct Declared {
    list: Vec<Arc<Instance>>,
    /// One id may be declared in several regions.
    by_id: HashMap<String, Vec<Arc<Instance>>>,
}

impl Fleet {
    pub(crate) fn new(own_region: &str, declared: Vec<Instance>) -> Self {
        let fleet = Self {
            own_region: own_region.to_owned(),
            declared: Mutex::default(),
            pages: Pages::default(),
        };
        fleet.set(declared);
        fleet
    }

    /// Replaces the declared instances.
    pub(crate) fn set(&self, declared: Vec<Instance>) {
        let list: Vec<Arc<Instance>> = declared.into_iter().map(Arc::new).collect();
        let mut by_id = HashMap::<_, Vec<_>>::new();
        for instance in &list {
            let namesakes = by_id.entry(instance.id.clone()).or_default();
            namesakes.push(Arc::clone(instance));
        }
        let declared = Arc::new(Declared { list, by_id });
        *self.declared.lock().unwrap_or_else(PoisonError::into_inner) = declared;
    }

    /// The instances of a region: those with these ids, or all that are declared there.
    pub(crate) fn choose(&self, region: &str, ids: Option<&[String]>) -> Vec<Arc<Instance>> {
        let chosen: Vec<Arc<Instance>> = match ids {
            Some(ids) => ids.iter().map(|id| self.get(region, id)).collect(),
            None => {
                let here = |instance: &&Arc<Instance>| self.is_in(instance, region);
                self.declared().list.iter().filter(here).cloned().collect()
            }
        };
        let exists = |instance: &Arc<Instance>| instance.state != InstanceState::Missing;
        chosen.into_iter().filter(exists).collect()
    }

    /// The instance of a region with this id, declared or made up. One that is declared elsewhere is
    /// missing here.
    pub(crate) fn get(&self, region: &str, id: &str) -> Arc<Instance> {
        let declared = self.declared();
        let Some(namesakes) = declared.by_id.get(id) else {
            let exists = id.starts_with("i-") || id.starts_with("mi-");
            let state = match exists {
                true => InstanceState::Running,
                false => InstanceState::Missing,
            };
            return Arc::new(Instance::new(id, state));
        };
        let here = namesakes
            .iter()
            .find(|instance| self.is_in(instance, region));
        let missing = || Arc::new(Instance::new(id, InstanceState::Missing));
        here.cloned().unwrap_or_else(missing)
    }

    fn is_in(&self, instance: &Instance, region: &str) -> bool {
        instance.region.as_deref().unwrap_or(&self.own_region) == region
    }

    fn declared(&self) -> Arc<Declared> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&declared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_instance_is_in_one_region_and_any_other_everywhere() {
        let declared = ["i-here:stopped", "i-there:region=cn-beijing"];
        let declared = declared.map(|text| text.parse().unwrap()).to_vec();
        let fleet = Fleet::new("cn-hangzhou", declared);
        use InstanceState::{Missing, NotRunning, Running};
        for (id, region, state) in [
            ("i-here", "cn-hangzhou", NotRunning),
            ("i-here", "cn-beijing", Missing),
            ("i-there", "cn-beijing", Running),
            ("i-there", "cn-hangzhou", Missing),
            ("i-other", "cn-beijing", Running),
            ("mi-other", "us-east-1", Running),
            ("web", "cn-hangzhou", Missing),
        ] {
            assert_eq!(fleet.get(region, id).state, state, "{id} in {region}");
        }
        fleet.set(vec![]);
        assert_eq!(fleet.get("cn-beijing", "i-here").state, Running);
    }
}
