//! The tools that the first stage found at the remote side, and what is used in place of others.

use std::collections::BTreeSet;

/// The tools that the first stage found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    names: BTreeSet<String>,
}

impl Tools {
    /// Reads what the first stage says: names, each behind a space.
    #[must_use]
    pub fn parse(said: &[u8]) -> Self {
        let said = String::from_utf8_lossy(said);
        let names = said.split_ascii_whitespace().map(str::to_owned).collect();
        Self { names }
    }

    /// True if this one is there. `-w` and `full` stand for options of `base64` and `dd`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The name of a tool that the runner needs and did not find.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        let needed = ["stty", "dd", "id"];
        let missing = needed.into_iter().find(|name| !self.has(name));
        let encoder = self.encoder().is_none();
        missing.or_else(|| encoder.then_some("base64 (or openssl with fold, perl, or python3)"))
    }

    /// The command that encodes its input as base64 in lines of 3,900 characters.
    #[must_use]
    pub fn encoder(&self) -> Option<&'static str> {
        let fold = self.has("fold");
        let encoders = [
            (self.has("-w"), "base64 -w3900"),
            (
                self.has("base64") && fold,
                r"base64|tr -d '\n'|fold -w 3900",
            ),
            (
                self.has("openssl") && fold,
                "openssl base64 -A|fold -w 3900",
            ),
            (
                self.has("perl"),
                r#"perl -MMIME::Base64 -0777ne '$_=encode_base64($_,"");s/(.{3900})/$1\n/g;print'"#,
            ),
            (
                self.has("python3"),
                "python3 -c 'import sys,base64;d=base64.b64encode(sys.stdin.buffer.read()).decode();[print(d[i:i+3900])for i in range(0,len(d),3900)]'",
            ),
        ];
        let found = encoders.into_iter().find(|(there, _)| *there);
        found.map(|(_, command)| command)
    }

    /// The words that start a program in a session of its own, to be put before it.
    #[must_use]
    pub fn own_session(&self) -> Option<&'static str> {
        let starters = [
            ("setsid", "setsid"),
            ("perl", "perl -e 'use POSIX;setsid();exec{$ARGV[0]}@ARGV'"),
            (
                "python3",
                "python3 -c 'import os,sys;os.setsid();os.execvp(sys.argv[1],sys.argv[1:])'",
            ),
        ];
        let found = starters.into_iter().find(|(name, _)| self.has(name));
        found.map(|(_, starter)| starter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_missing_is_named() {
        let missing = |said: &str| Tools::parse(said.as_bytes()).missing();
        assert_eq!(missing(" stty dd id base64 -w"), None);
        assert_eq!(missing(" dd base64 -w"), Some("stty"));
        assert_eq!(missing(" stty"), Some("dd"));
        assert_eq!(missing(" stty dd id perl"), None);
        assert!(missing(" stty dd id openssl").is_some_and(|what| what.starts_with("base64")));
    }
}
