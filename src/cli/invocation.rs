//! Detects a call as ssh, and turns ssh's arguments into a command.

use super::Ssh;
use super::is_variable;
use super::parse::{asks_for_json, read, verb};
use super::ssh::{self, Here, LocalFiles, SshRequest, Task};
use super::{Cli, Command, Global, Share};
use crate::config::env::process_env;
use crate::exit::Exit;
use crate::language::{self, Language};
use crate::ui::Ui;
use std::env::{args_os, home_dir, vars_os};
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// The command line of a process that holds sessions: name and words.
pub(crate) const HOLDER: [&str; 3] = ["axt", "share", "hold"];

/// Reads the command line of this process.
///
/// # Errors
/// The exit status when there is nothing to run: after help, a version or a usage error was printed.
pub fn parse() -> Result<Cli, Exit> {
    let mut args: Vec<OsString> = args_os().collect();
    // As a plugin of aliyun-cli axt is called with its own command word: `aliyun axt connect …`.
    if args.get(1).is_some_and(|word| word == "axt") {
        args.remove(1);
    }
    let chosen = language::chosen(process_env).unwrap_or_default();
    language::speak(chosen);
    // It lives for long, and the grammar would leave half a megabyte in its memory.
    if args.iter().eq(HOLDER) {
        return Ok(Cli {
            global: Global::default(),
            command: Command::Share(Share::Hold),
        });
    }
    if let Some((before, rest)) = called_as_ssh(&args) {
        return read_ssh(&before, rest);
    }
    // Output for programs is the same in every language.
    if asks_for_json(&args) {
        language::speak(Language::English);
    }
    let cli = read(&args)?;
    if !cli.command.prints_json() {
        language::speak(chosen);
    }
    Ok(cli)
}

/// Splits the command line of a call as ssh, which is by ssh's name, by that of a link, or by a command of
/// axt: the words before ssh's own arguments, and those arguments. `axt ssh --help` is axt's.
pub(super) fn called_as_ssh(args: &[OsString]) -> Option<(Vec<OsString>, Vec<OsString>)> {
    let (name, rest) = args.split_first()?;
    let stem = Path::new(name).file_stem();
    if stem.is_some_and(|stem| stem == "ssh" || stem == "axt-ssh") {
        return Some((vec!["axt".into()], rest.to_vec()));
    }
    let (before, rest) = args.split_at_checked(verb::index(args)?)?;
    let (command, rest) = rest.split_first()?;
    let is_help = rest.len() == 1 && matches!(rest[0].to_str(), Some("--help" | "-h"));
    (command == "ssh" && !is_help).then(|| (before.to_vec(), rest.to_vec()))
}

/// Reads ssh's arguments; `before` is axt and its options.
fn read_ssh(before: &[OsString], rest: Vec<OsString>) -> Result<Cli, Exit> {
    let ui = Ui::default();
    let files = LocalFiles { home: home_dir() };
    let plan = match ssh::request(rest, &files) {
        Ok(SshRequest::Run(plan)) => plan,
        Ok(SshRequest::Version) => {
            ui.bare(ssh::VERSION);
            return Err(Exit::Ok);
        }
        Ok(SshRequest::Settings(text)) => {
            let printed = ui.data(&text);
            return Err(printed.map_or(Exit::Failed, |()| Exit::Ok));
        }
        Err(problem) => {
            ui.error(&problem, None);
            return Err(Exit::Failed);
        }
    };
    if let Task::Master(_, None) = &plan.task {
        ui.error("No ControlPath specified for \"-O\" command", None);
        return Err(Exit::Failed);
    }
    let axt = |words: Option<Vec<OsString>>| {
        let args = words.map(|words| before.iter().cloned().chain(words).collect::<Vec<_>>());
        let cli = args.map(|args| read(&args)).transpose();
        cli.map_err(|_| Exit::Failed)
    };
    let task = axt(plan.task_words(&here()))?;
    let mut forward = axt(plan.forward_words())?;
    if let Some(Command::Forward(forward)) = forward.as_mut().map(|cli| &mut cli.command) {
        // Further ones in axt's own file are for `axt forward`.
        let forwards = plan.forwards.iter().cloned();
        (forward.local, forward.dynamic) = forwards.partition(|listen| listen.remote.is_some());
    }
    let Some(any) = task.as_ref().or(forward.as_ref()) else {
        ui.error(tr!("there is nothing to do"), None);
        return Err(Exit::Failed);
    };
    let mut global = any.global.clone();
    global.messages_to_log = plan.log_file.is_some();
    global.never_asks = !plan.may_ask;
    let ssh = Ssh::of(
        &plan,
        task.map(|cli| cli.command),
        forward.map(|cli| cli.command),
    );
    Ok(Cli {
        global,
        command: Command::Ssh(Box::new(ssh)),
    })
}

/// The facts about this process that a plan depends on.
fn here() -> Here {
    let names = vars_os().filter_map(|(name, _)| name.into_string().ok());
    Here {
        stdin_is_terminal: io::stdin().is_terminal(),
        variables: names.filter(|name| is_variable(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn ssh_is_known_by_its_name() {
        for (line, before, rest) in [
            ("/usr/bin/ssh -v i-1", "axt", "-v i-1"),
            ("axt-ssh i-1", "axt", "i-1"),
            ("axt ssh -v --bogus", "axt", "-v --bogus"),
            (
                "axt -v --profile ssh ssh i-1 ssh",
                "axt -v --profile ssh",
                "i-1 ssh",
            ),
            ("axt ssh i-1 --help", "axt", "i-1 --help"),
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let (own, sshs) = called_as_ssh(&args).expect(line);
            let joined = |words: &[OsString]| words.join(OsStr::new(" "));
            assert_eq!(
                (joined(&own), joined(&sshs)),
                (before.into(), rest.into()),
                "{line}"
            );
        }
        for line in [
            "axt",
            "axt connect ssh",
            "axt --profile ssh connect i-1",
            "axt ssh --help",
            "axt help ssh",
            "axt --bogus ssh i-1",
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(called_as_ssh(&args), None, "{line}");
        }
    }
}
