//! A TARGET as it is typed: `[USER@]INSTANCE[.REGION]`.

use crate::openapi::region;

/// The prefix of a name that is taken as it is, even if it looks like an id or an address.
pub(super) const NAME: &str = "name:";

/// The parts of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The user there, if one was named.
    pub(crate) user: Option<String>,
    /// The instance.
    pub(crate) instance: String,
    /// Its region, if it was named.
    pub(crate) region: Option<String>,
}

impl Target {
    /// Splits a target. The text after the last dot is its region only if there is a region with that id.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Self {
        // A name that is taken as it is may have an @ in it.
        let forced = format!("@{NAME}");
        let split = match text.find(&forced) {
            _ if text.starts_with(NAME) => None,
            Some(at) => Some((&text[..at], &text[at + 1..])),
            None => text.rsplit_once('@'),
        };
        let (user, rest) = match split {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let suffixed = rest.rsplit_once('.');
        let suffixed = suffixed.filter(|(name, id)| {
            !name.is_empty() && region::is_known(id) && !rest.starts_with(NAME)
        });
        let (instance, region) = match suffixed {
            Some((instance, region)) => (instance, Some(region)),
            None => (rest, None),
        };
        Self {
            user: user.map(str::to_owned),
            instance: instance.to_owned(),
            region: region.map(str::to_owned),
        }
    }

    /// True if the instance is written as a name that is taken as it is.
    #[must_use]
    pub(crate) fn is_forced_name(&self) -> bool {
        self.instance.starts_with(NAME)
    }

    /// The target without its user, as it was typed.
    #[must_use]
    pub(crate) fn host(&self) -> String {
        match &self.region {
            Some(region) => format!("{}.{region}", self.instance),
            None => self.instance.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_cut() {
        for (text, user, instance, region) in [
            ("i-1", None, "i-1", None),
            ("bob@i-1.cn-beijing", Some("bob"), "i-1", Some("cn-beijing")),
            ("a@b@i-1", Some("a@b"), "i-1", None),
            ("@i-1", Some(""), "i-1", None),
            ("i-1.beijing", None, "i-1.beijing", None),
            ("web.v2.cn-hangzhou", None, "web.v2", Some("cn-hangzhou")),
            (".cn-beijing", None, ".cn-beijing", None),
            ("name:a.cn-beijing", None, "name:a.cn-beijing", None),
            ("name:bob@web", None, "name:bob@web", None),
            ("bob@name:a@web", Some("bob"), "name:a@web", None),
        ] {
            let target = Target::parse(text);
            let parts = (
                target.user.as_deref(),
                target.instance.as_str(),
                target.region.as_deref(),
            );
            assert_eq!(parts, (user, instance, region), "{text}");
            assert!(text.ends_with(&target.host()), "{text}");
        }
    }
}
