//! A TARGET as it is typed: `[USER@]INSTANCE[.REGION]`.

use crate::error::{Error, Result};
use crate::openapi::ecs::check_instance_id;
use crate::openapi::region;

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
    /// Cuts a target. What follows the last dot counts as a region only if there is one of that id.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Self {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let suffixed = rest.rsplit_once('.');
        let suffixed = suffixed.filter(|(name, id)| !name.is_empty() && region::is_known(id));
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

    /// The instance's id.
    ///
    /// # Errors
    /// [`Error::Usage`] for what can't be one.
    pub(crate) fn id(&self) -> Result<&str> {
        let id = self.instance.as_str();
        if self.user.as_deref() == Some("") {
            let what = format!(
                "there is no user before the @ of \"@{}\"",
                id.escape_debug()
            );
            return Err(Error::Usage(what));
        }
        match id.rsplit_once('.') {
            Some((id, suffix)) if check_instance_id(id).is_ok() => Err(Error::Usage(format!(
                "{suffix:?}, after {id:?}, is not a region id"
            ))),
            _ => check_instance_id(id).map(|()| id),
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
        ] {
            let target = Target::parse(text);
            let parts = (
                target.user.as_deref(),
                target.instance.as_str(),
                target.region.as_deref(),
            );
            assert_eq!(parts, (user, instance, region), "{text}");
        }
    }

    #[test]
    fn ids_are_checked() {
        for text in ["i-1", "mi-1a.cn-beijing"] {
            assert!(Target::parse(text).id().is_ok(), "{text}");
        }
        for (text, named) in [
            ("web", "web"),
            ("i-1.beijing", "beijing"),
            ("i-1/x", "i-1/x"),
            ("@i-1", "no user before the @"),
            ("i-demo:22", "i-demo:22"),
            ("i-../../etc", "i-../../etc"),
            ("i-1\n", "i-1\\n"),
            ("", "i- or mi-"),
        ] {
            let error = Target::parse(text).id().unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
