//! The hint for the official client's options, which name the instance and the user.

use crate::names::target::Target;
use crate::openapi::ecs::check_instance_id;
use lexopt::Arg;
use std::ffi::OsString;

/// The hint, if the arguments name an instance as that client does.
pub(super) fn hint(args: &[OsString]) -> Option<String> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut instance, mut user) = (None, None);
    while let Ok(Some(arg)) = parser.next() {
        let named = match arg {
            Arg::Short('i') | Arg::Long("instance") => &mut instance,
            Arg::Short('u' | 'l') | Arg::Long("user" | "user-name") => &mut user,
            Arg::Value(_) => continue,
            Arg::Short(_) | Arg::Long(_) => {
                let _ = parser.optional_value();
                continue;
            }
        };
        *named = parser
            .value()
            .ok()
            .and_then(|value| value.into_string().ok());
    }
    let is_instance = |word: &String| check_instance_id(&Target::parse(word).instance).is_ok();
    let id = instance.filter(is_instance)?;
    let host = match user {
        Some(user) => shlex::try_quote(&format!("{user}@{id}")).ok()?.into_owned(),
        None => id,
    };
    Some(tr!(
        "-i names a key, as with ssh; try `axt ssh {host}`",
        host
    ))
}
