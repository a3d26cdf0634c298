//! The outcome of a search: one instance, several, or none.

use crate::error::{Error, Result};
use crate::openapi::ecs::instances::ListedInstance;
use crate::openapi::region;

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SearchOutcome {
    /// The one instance that is meant.
    One(Box<ListedInstance>),
    /// Several instances, none of which fits better than another.
    Several(Vec<ListedInstance>),
}

impl SearchOutcome {
    /// The outcome of the `answers` to the searches for `host`, a target without its user. `asked` are the
    /// regions that were asked.
    ///
    /// # Errors
    /// [`Error::Target`] where there is no such instance.
    pub(crate) fn of(host: &str, answers: Vec<ListedInstance>, asked: &[String]) -> Result<Self> {
        let mut found: Vec<ListedInstance> = Vec::new();
        for instance in answers {
            // Two searches for one target may find the same instance.
            if !found.iter().any(|other| other.id == instance.id) {
                found.push(instance);
            }
        }
        match (found.pop(), found.is_empty()) {
            (None, _) => Err(missing(host, asked)),
            (Some(one), true) => Ok(Self::One(Box::new(one))),
            (Some(last), false) => {
                found.push(last);
                Ok(Self::Several(found))
            }
        }
    }
}

/// Fails if the instance can't take a session, as far as its status tells.
///
/// # Errors
/// [`Error::Target`] with the status.
pub(crate) fn check_is_up(host: &str, instance: &ListedInstance) -> Result<()> {
    if instance.is_up() {
        return Ok(());
    }
    let status = instance.status.as_deref().unwrap_or_default();
    let remedy = match (instance.is_managed(), status) {
        (true, _) => {
            tr!(
                "its agent has no connection to the service: check that the machine and its agent are running"
            )
        }
        (false, "Stopped") => tr!("start it first"),
        (false, _) => tr!("a session needs a running instance: wait until it is running"),
    };
    Err(Error::Target {
        problem: tr!(
            "{host:?} is {id}, which is {status:?}",
            host,
            id = instance.id,
            status
        ),
        remedy: remedy.to_owned(),
    })
}

fn missing(host: &str, asked: &[String]) -> Error {
    let place = match asked {
        [] => tr!("any region").to_owned(),
        [one] => one.clone(),
        [first, second] => tr!("{first} or {second}", first, second),
        many => tr!("any of {many} regions", many = many.len()),
    };
    let suffix = host.rsplit_once('.').map(|(_, suffix)| suffix);
    let like_an_id = host.starts_with("i-") || host.starts_with("mi-");
    let remedy = match suffix.filter(|suffix| !region::is_known(suffix)) {
        Some(suffix) if like_an_id => tr!("{suffix:?} is not a region id", suffix),
        _ if like_an_id => {
            tr!("an instance id is i- or mi-, then letters, digits and -").to_owned()
        }
        _ if asked.len() > 2 => tr!("names are compared exactly").to_owned(),
        _ => tr!(
            "names are compared exactly; --region looks in another region, --all-regions in all"
        )
        .to_owned(),
    };
    Error::Target {
        problem: tr!("there is no instance {host:?} in {place}", host, place),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, status: &str) -> ListedInstance {
        ListedInstance {
            name: Some("web".into()),
            status: Some(status.into()),
            ..ListedInstance::new(id, "cn-beijing")
        }
    }

    #[test]
    fn one_is_taken_and_of_several_none() {
        let (one, other) = (instance("i-1", "Running"), instance("i-2", "Stopped"));
        let of = |answers: &[&ListedInstance]| {
            let answers = answers.iter().map(|instance| (*instance).clone()).collect();
            SearchOutcome::of("web", answers, &[]).unwrap()
        };
        assert_eq!(of(&[&one]), SearchOutcome::One(Box::new(one.clone())));
        assert_eq!(of(&[&one, &one]), SearchOutcome::One(Box::new(one.clone())));
        assert_eq!(
            of(&[&one, &other, &one]),
            SearchOutcome::Several(vec![one.clone(), other.clone()])
        );
    }

    #[test]
    fn what_is_missing_is_told_with_where_it_was_looked_for() {
        for (host, regions, said, hint) in [
            (
                "web",
                &["cn-beijing"][..],
                "\"web\" in cn-beijing",
                "--all-regions",
            ),
            (
                "web",
                &["a", "b", "c"],
                "in any of 3 regions",
                "compared exactly",
            ),
            (
                "i-1.beijing",
                &["a"],
                "no instance",
                "\"beijing\" is not a region",
            ),
            (
                "i-1/x",
                &["a"],
                "no instance \"i-1/x\"",
                "letters, digits and -",
            ),
        ] {
            let asked: Vec<_> = regions.iter().map(|id| (*id).to_owned()).collect();
            let error = SearchOutcome::of(host, vec![], &asked).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{host}");
        }
    }

    #[test]
    fn an_instance_that_is_down_is_told_before_a_session_is_tried() {
        assert!(check_is_up("web", &instance("i-1", "Running")).is_ok());
        assert!(check_is_up("web", &instance("mi-1", "Connected")).is_ok());
        for (id, status, hint) in [
            ("i-1", "Stopped", "start it first"),
            ("i-1", "Starting", "wait"),
            ("mi-1", "Disconnected", "agent"),
        ] {
            let error = check_is_up("web", &instance(id, status)).unwrap_err();
            let said = format!("\"web\" is {id}, which is {status:?}");
            assert_eq!(error.to_string(), said);
            assert!(error.hint().unwrap().contains(hint));
        }
    }
}
