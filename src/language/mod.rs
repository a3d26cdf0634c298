//! The language of axt's messages, English or Chinese, and the macros that give a message in it.
//!
//! The English text is where the message is made, and is the key of the Chinese one in `language/chinese`.
//! The compiler refuses a text without a Chinese one, and a Chinese one that has other placeholders; it warns of
//! one that nothing uses. `tests/texts.rs` finds texts that pass neither macro.

#[macro_use]
mod chinese;

use std::sync::atomic::{AtomicBool, Ordering};

/// A message in the language of this process: `tr!("no region given")`, a `&'static str`, or with values
/// `tr!("{what} took longer than {limit:?}", what, limit = self.limit)`, a `String`.
macro_rules! tr {
    (@value $name:ident) => { $name };
    (@value $name:ident $value:expr) => { $value };
    ($english:tt $(,)?) => {
        match $crate::language::is_chinese() {
            false => $english,
            true => chinese!($english),
        }
    };
    ($english:tt, $($name:ident $(= $value:expr)?),+ $(,)?) => {
        match ($(&tr!(@value $name $($value)?),)+) {
            ($($name,)+) => match $crate::language::is_chinese() {
                false => format!($english, $($name = $name),+),
                true => format!(chinese!($english), $($name = $name),+),
            },
        }
    };
}

/// A message for a table, in both languages: a [`Both`].
macro_rules! both {
    ($english:tt) => {
        $crate::language::Both($english, chinese!($english))
    };
}

/// A message in English and in Chinese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Both(pub(crate) &'static str, pub(crate) &'static str);

impl Both {
    /// The message in the language of this process.
    #[must_use]
    pub(crate) fn text(self) -> &'static str {
        match is_chinese() {
            false => self.0,
            true => self.1,
        }
    }
}

/// A language of axt's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Chinese,
}

/// True if this process speaks Chinese.
static CHINESE: AtomicBool = AtomicBool::new(false);

/// From now on this process speaks `language`.
pub(crate) fn speak(language: Language) {
    CHINESE.store(language == Language::Chinese, Ordering::Relaxed);
}

/// True if this process speaks Chinese.
pub(crate) fn is_chinese() -> bool {
    CHINESE.load(Ordering::Relaxed)
}

/// The language that the environment asks for: by `AXT_LANG`, or by the locale of messages.
///
/// # Errors
/// The problem, if `AXT_LANG` names none that axt has.
pub(crate) fn chosen(variable: impl Fn(&str) -> Option<String>) -> Result<Language, String> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(value) = given("AXT_LANG") {
        let wrong = || tr!("AXT_LANG is {value:?}, and not en or zh", value);
        return named(&value).ok_or_else(wrong);
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(given);
    let locale = locale.filter(|locale| is_utf8(locale));
    Ok(locale.and_then(|locale| named(&locale)).unwrap_or_default())
}

/// True if a terminal of this locale shows UTF-8, which is all that axt writes. A locale that names no
/// encoding is taken for one.
fn is_utf8(locale: &str) -> bool {
    let Some((_, encoding)) = locale.split_once('.') else {
        return true;
    };
    let encoding = encoding.split('@').next().unwrap_or_default();
    ["utf-8", "utf8"].contains(&&*encoding.to_ascii_lowercase())
}

/// The language of a locale, as in `zh_CN.UTF-8` or `en`.
fn named(locale: &str) -> Option<Language> {
    let language = locale.split(['_', '-', '.', '@']).next()?;
    match language.to_ascii_lowercase().as_str() {
        "en" => Some(Language::English),
        "zh" => Some(Language::Chinese),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_axt_comes_before_those_of_the_locale() {
        use Language::{Chinese, English};
        for (set, expected) in [
            ("", English),
            ("LANG=zh_CN.UTF-8", Chinese),
            ("LANG=zh", Chinese),
            ("LANG=zh_CN LC_MESSAGES=fr_FR.UTF-8", English),
            ("LANG=C LC_MESSAGES=zh_TW.UTF-8", Chinese),
            ("LANG=zh_CN LC_MESSAGES=zh_CN LC_ALL=C", English),
            ("LANG=zh_CN LC_ALL= LC_MESSAGES=", Chinese),
            ("LC_ALL=zha_CN", English),
            ("LC_ALL=zh_CN.GBK", English),
            ("LANG=zh_CN.gb18030@radical", English),
            ("LANG=zh_CN.utf8@radical", Chinese),
            ("LC_ALL=zh_CN.GBK AXT_LANG=zh", Chinese),
            ("LC_ALL=zh_CN AXT_LANG=en", English),
            ("LC_ALL=C AXT_LANG=zh-CN", Chinese),
            ("LC_ALL=C AXT_LANG=zh_CN.UTF-8", Chinese),
            ("LC_ALL=zh_CN AXT_LANG=", Chinese),
        ] {
            assert_eq!(asked_for(set), Ok(expected), "{set}");
        }
        let wrong = asked_for("AXT_LANG=xx").unwrap_err();
        assert_eq!(wrong, "AXT_LANG is \"xx\", and not en or zh");
        assert!(asked_for("AXT_LANG=zhongwen").is_err());
    }

    fn asked_for(set: &str) -> Result<Language, String> {
        chosen(|name| {
            let pairs = set
                .split_whitespace()
                .filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(other, _)| *other == name);
            values.next().map(|(_, value)| value.to_owned())
        })
    }
}
