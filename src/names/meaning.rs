//! The meaning of a TARGET: an instance's id, or something to look for, and where.

use super::target::{NAME, Target};
use crate::error::{Error, Result};
use crate::openapi::ecs::check_instance_id;
use crate::openapi::ecs::instances::Query;
use std::net::IpAddr;

/// The meaning of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The instance with this id, which is never looked up.
    Id(String),
    /// The instance that one of these searches finds.
    Found(Vec<Search>),
}

/// A search for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    /// The instances that are meant.
    pub(crate) query: Query,
    /// Their region, if the target names it.
    pub(crate) region: Option<String>,
}

impl Meaning {
    /// Reads a target. A suffix that is a region's id may also be the end of a name, which makes two
    /// searches.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text that can't name an instance.
    pub(crate) fn of(target: &Target) -> Result<Self> {
        let host = target.host();
        if target.user.as_deref() == Some("") {
            let what = tr!(
                "there is no user before the @ of \"@{host}\"",
                host = host.escape_debug()
            );
            return Err(Error::Usage(what));
        }
        if host.is_empty() || host.contains(char::is_control) {
            let what = tr!(
                "{host:?} is not a TARGET: an instance id, a name, an address, tag:KEY=VALUE",
                host
            );
            return Err(Error::Usage(what));
        }
        if check_instance_id(&target.instance).is_ok() {
            return Ok(Self::Id(target.instance.clone()));
        }
        if is_a_broken_id(&host) {
            let what = tr!(
                "{host:?} is not an instance id: i- or mi-, then letters, digits and -; name:{host} looks for an instance of that name",
                host
            );
            return Err(Error::Usage(what));
        }
        let mut searches = vec![Search {
            query: query(&target.instance)?,
            region: target.region.clone(),
        }];
        let is_address = searches.iter().any(|search| search.query.address.is_some());
        if target.region.is_some() && !is_address {
            searches.push(Search {
                query: query(&host)?,
                region: None,
            });
        }
        Ok(Self::Found(searches))
    }
}

/// True if a text begins like an id and goes on as neither an id nor a usual name does, such as `i-1:22`.
fn is_a_broken_id(text: &str) -> bool {
    let rest = text.strip_prefix("i-").or_else(|| text.strip_prefix("mi-"));
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    rest.is_some_and(|rest| rest.is_empty() || !rest.chars().all(usual))
}

/// A target that means the instances of this name and nothing else, if there is one.
#[must_use]
pub(crate) fn target_of_name(name: &str) -> Option<String> {
    let meant = Meaning::Found(vec![Search {
        query: Query::name(name),
        region: None,
    }]);
    let mut texts = [name.to_owned(), format!("{NAME}{name}")].into_iter();
    texts.find(|text| {
        let target = Target::parse(text);
        target.user.is_none() && Meaning::of(&target).is_ok_and(|meaning| meaning == meant)
    })
}

/// The query that this text asks for.
fn query(text: &str) -> Result<Query> {
    if let Some(name) = text.strip_prefix(NAME) {
        return match name {
            "" => Err(Error::Usage(tr!("name: needs a name after it").into())),
            name => Ok(Query::name(name)),
        };
    }
    if let Some(tag) = text.strip_prefix("tag:") {
        return match tag.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Query::tag(key, value)),
            _ => Err(Error::Usage(tr!(
                "{text:?} is not of the form tag:KEY=VALUE",
                text
            ))),
        };
    }
    Ok(match text.parse::<IpAddr>() {
        Ok(address) => Query::address(address.to_string()),
        Err(_) => Query::name(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_means_something_or_is_refused_in_a_line(text in ".{0,12}|(.@)?(i-|tag:|name:)?.{0,6}(\\.cn-beijing)?") {
            let target = Target::parse(&text);
            prop_assert!(text.ends_with(&target.host()));
            match Meaning::of(&target) {
                Ok(Meaning::Id(id)) => prop_assert!(check_instance_id(&id).is_ok()),
                Ok(Meaning::Found(searches)) => prop_assert!((1..=2).contains(&searches.len())),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
            if let Some(target) = target_of_name(&text) {
                prop_assert!(target.ends_with(&text));
            }
        }
    }

    fn meaning(text: &str) -> Result<Meaning> {
        Meaning::of(&Target::parse(text))
    }

    #[test]
    fn ids_are_taken_as_they_are() {
        for (text, id) in [
            ("i-1", "i-1"),
            ("bob@mi-1a.cn-beijing", "mi-1a"),
            ("i-bp1f4xk", "i-bp1f4xk"),
        ] {
            assert_eq!(meaning(text).unwrap(), Meaning::Id(id.into()), "{text}");
        }
    }

    #[test]
    fn all_else_is_looked_for() {
        let beijing = Some("cn-beijing");
        for (text, expected) in [
            ("web-1", &[(Query::name("web-1"), None)][..]),
            (
                "web-1.cn-beijing",
                &[
                    (Query::name("web-1"), beijing),
                    (Query::name("web-1.cn-beijing"), None),
                ],
            ),
            ("i-1.beijing", &[(Query::name("i-1.beijing"), None)]),
            ("数据 库", &[(Query::name("数据 库"), None)]),
            ("name:i-1", &[(Query::name("i-1"), None)]),
            ("name:a.cn-beijing", &[(Query::name("a.cn-beijing"), None)]),
            ("name:tag:a=b", &[(Query::name("tag:a=b"), None)]),
            ("10.0.0.1", &[(Query::address("10.0.0.1"), None)]),
            (
                "10.0.0.1.cn-beijing",
                &[(Query::address("10.0.0.1"), beijing)],
            ),
            ("tag:role=web=1", &[(Query::tag("role", "web=1"), None)]),
            (
                "tag:a=b.cn-beijing",
                &[
                    (Query::tag("a", "b"), beijing),
                    (Query::tag("a", "b.cn-beijing"), None),
                ],
            ),
            ("10.0.0", &[(Query::name("10.0.0"), None)]),
        ] {
            let expected = expected.iter().map(|(query, region)| Search {
                query: query.clone(),
                region: region.map(str::to_owned),
            });
            let expected = Meaning::Found(expected.collect());
            assert_eq!(meaning(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_begins_like_an_id_and_can_be_none_is_refused() {
        for text in [
            "i-demo:22",
            "i-../../etc",
            "mi-1 2",
            "i-",
            "i-1/x.cn-beijing",
        ] {
            let error = meaning(text).unwrap_err().to_string();
            assert!(error.contains("is not an instance id"), "{text}: {error}");
            let name = format!("name:{text}");
            assert!(meaning(&name).is_ok(), "{name}");
        }
        for name in ["i-web_1", "i-1.beijing", "mi-数据"] {
            let searched = Meaning::Found(vec![Search {
                query: Query::name(name),
                region: None,
            }]);
            assert_eq!(meaning(name).unwrap(), searched);
        }
    }

    #[test]
    fn a_name_is_written_so_that_it_means_nothing_else() {
        for (name, target) in [
            ("web-1", Some("web-1")),
            ("数据 库", Some("数据 库")),
            ("api.v2", Some("api.v2")),
            ("web.cn-beijing", Some("name:web.cn-beijing")),
            ("i-1", Some("name:i-1")),
            ("10.0.0.1", Some("name:10.0.0.1")),
            ("tag:a=b", Some("name:tag:a=b")),
            ("tag:a", Some("name:tag:a")),
            ("name:x", Some("name:name:x")),
            ("bob@web", Some("name:bob@web")),
            ("we\nb", None),
            ("", None),
        ] {
            assert_eq!(target_of_name(name).as_deref(), target, "{name:?}");
        }
    }

    #[test]
    fn what_can_mean_nothing_is_refused() {
        for (text, said) in [
            ("@i-1", "no user before the @"),
            ("", "is not a TARGET"),
            ("bob@", "is not a TARGET"),
            ("web\n", "\"web\\n\" is not a TARGET"),
            ("name:", "needs a name"),
            ("tag:web", "tag:KEY=VALUE"),
            ("tag:=web", "tag:KEY=VALUE"),
        ] {
            let error = meaning(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
