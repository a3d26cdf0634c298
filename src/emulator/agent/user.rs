//! Finds the account that runs a session's program, in `/etc/passwd`.

use super::failure::SessionFailure;
use std::path::PathBuf;

/// The account a program runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The uid and gid to switch to; `None` for the emulator's own.
    pub switch: Option<(u32, u32)>,
    /// Its home directory.
    pub home: PathBuf,
    /// Its login shell.
    pub shell: PathBuf,
}

/// The account called `username`, or the emulator's own. Old agents refuse uid and gid 0.
///
/// # Errors
/// `UserNotExists`, or `OpenPtyFailed` for an account that can't be or isn't allowed to be used.
pub(super) fn find(username: Option<&str>, old: bool) -> Result<Account, SessionFailure> {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let own = rustix::process::geteuid().as_raw();
    let Some(name) = username else {
        let entry = entries(&passwd).find(|entry| entry.uid == own);
        return Ok(own_account(entry));
    };
    let entry = entries(&passwd).find(|entry| entry.name == name);
    // The emulator's own account may come from a directory service, which the file doesn't list.
    let is_own = entry.as_ref().map_or_else(
        || std::env::var("USER").is_ok_and(|own| own == name),
        |entry| entry.uid == own,
    );
    if old && entry.as_ref().is_some_and(|e| e.uid == 0 || e.gid == 0) {
        return Err(SessionFailure::new("OpenPtyFailed", "root is not allowed"));
    }
    match entry {
        entry if is_own => Ok(own_account(entry)),
        None => Err(SessionFailure::new("UserNotExists", name)),
        Some(_) if own != 0 => Err(SessionFailure::new(
            "OpenPtyFailed",
            "operation not permitted",
        )),
        Some(entry) => Ok(Account {
            switch: Some((entry.uid, entry.gid)),
            home: entry.home.into(),
            shell: shell_or_sh(entry.shell),
        }),
    }
}

/// The emulator's own account, from the environment or else from the file.
fn own_account(entry: Option<PasswdEntry>) -> Account {
    let (home, shell) = entry.map_or(("/", ""), |entry| (entry.home, entry.shell));
    let from_env = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    Account {
        switch: None,
        home: from_env("HOME").map_or_else(|| home.into(), PathBuf::from),
        shell: from_env("SHELL").map_or_else(|| shell_or_sh(shell), PathBuf::from),
    }
}

fn shell_or_sh(shell: &str) -> PathBuf {
    PathBuf::from(if shell.is_empty() { "/bin/sh" } else { shell })
}

/// The fields of a line of `/etc/passwd` that the agent uses.
#[derive(Debug, PartialEq, Eq)]
struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
    shell: &'a str,
}

/// The valid lines of `passwd`.
fn entries(passwd: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1)?;
        let shell = fields.next().unwrap_or_default();
        Some(PasswdEntry {
            name,
            uid,
            gid,
            home,
            shell,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines_are_read() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\n\nbad\nbad:x:y:0::/:\nada:x:1000:100::/home/ada";
        let read: Vec<_> = entries(passwd).collect();
        let root = PasswdEntry {
            name: "root",
            uid: 0,
            gid: 0,
            home: "/root",
            shell: "/bin/bash",
        };
        let ada = PasswdEntry {
            name: "ada",
            uid: 1000,
            gid: 100,
            home: "/home/ada",
            shell: "",
        };
        assert_eq!(read, [root, ada]);
    }

    #[test]
    fn unknown_users_and_roots_on_old_agents_are_refused() {
        let code = |name, old| find(Some(name), old).unwrap_err().code;
        assert_eq!(code("no-such-user-here", false), "UserNotExists");
        assert_eq!(code("root", true), "OpenPtyFailed");
    }

    #[test]
    fn without_a_name_nobody_is_switched_to() {
        assert_eq!(find(None, true).unwrap().switch, None);
    }
}
