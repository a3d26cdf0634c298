//! A command after TARGET without `--`: its words are joined by spaces, as ssh joins them.

use crate::cli::{Cli, Command, Run};
use clap::Arg;
use clap::error::{Error, ErrorKind};
use std::ffi::OsStr;

/// Whether the first word looks like an option. To the parser it is a word all the same, as later ones
/// may be options of the command's; no command is called so.
pub(super) fn begin_with_an_option(cli: &mut Cli) -> bool {
    let run = run(cli).map(|(run, _)| run);
    let first = run.and_then(|run| run.words.first());
    first.is_some_and(|word| word.as_encoded_bytes().starts_with(b"-") && word != "-")
}

/// The argument, changed so that the parser refuses a first word that looks like an option, and says which
/// option may have been meant.
pub(super) fn refuse_an_option(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "words" => arg.allow_hyphen_values(false),
        _ => arg,
    }
}

/// Makes the words the command.
///
/// # Errors
/// For words after a session's URL: no TARGET is needed there, and the first word would be taken for one.
pub(super) fn join(cli: &mut Cli, axt: &mut clap::Command) -> Result<(), Error> {
    let Some((run, given_url)) = run(cli).filter(|(run, _)| !run.words.is_empty()) else {
        return Ok(());
    };
    if given_url {
        axt.build();
        let connect = axt.find_subcommand_mut("connect");
        let what = tr!("with --wss-url or AXT_WSS_URL, a command stands after -- or in --command");
        return Err(connect.map_or_else(
            || Error::raw(ErrorKind::ArgumentConflict, what),
            |connect| connect.error(ErrorKind::ArgumentConflict, what),
        ));
    }
    run.command = Some(run.words.join(OsStr::new(" ")));
    run.words.clear();
    Ok(())
}

/// The command's options for what to run, if it can run something, and whether it got a session's URL.
fn run(cli: &mut Cli) -> Option<(&mut Run, bool)> {
    match &mut cli.command {
        Command::Connect(connect) => Some((&mut connect.run, connect.session.wss_url.is_some())),
        Command::Webshell(webshell) => Some((&mut webshell.run, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser as _};

    fn joined(line: &str) -> Result<Cli, Error> {
        let mut cli = Cli::try_parse_from(line.split(' '))?;
        join(&mut cli, &mut Cli::command())?;
        Ok(cli)
    }

    #[test]
    fn options_stand_before_the_first_word_and_all_from_there_is_the_commands() {
        for (line, command, verbose) in [
            ("axt connect i-1 ls -l", "ls -l", 0),
            ("axt connect -v i-1 -v ls -v", "ls -v", 2),
            (
                "axt connect i-1 env -- ls --help -x",
                "env -- ls --help -x",
                0,
            ),
            ("axt connect i-1 -t -e none - -c", "- -c", 0),
            ("axt webshell --app-id 1 --pod p top -b", "top -b", 0),
        ] {
            let mut cli = joined(line).expect(line);
            let (run, _) = run(&mut cli).expect(line);
            assert_eq!(run.command.as_deref(), Some(OsStr::new(command)), "{line}");
            assert_eq!((&*run.words, &*run.argv), (&[][..], &[][..]), "{line}");
            assert_eq!(cli.global.verbose, verbose, "{line}");
        }
    }

    #[test]
    fn a_first_word_like_an_option_is_one() {
        for (line, is_option) in [
            ("axt connect i-1 -x ls", true),
            ("axt connect i-1 --bogus", true),
            ("axt connect i-1 -vx", true),
            ("axt connect i-1 - -x", false),
            ("axt connect i-1 ls -x", false),
            ("axt connect i-1 -- -x", false),
            ("axt man", false),
        ] {
            let mut cli = Cli::try_parse_from(line.split(' ')).expect(line);
            assert_eq!(begin_with_an_option(&mut cli), is_option, "{line}");
        }
    }

    #[test]
    fn a_given_url_leaves_no_place_for_words() {
        let said = joined("axt connect --wss-url ws://127.0.0.1 i-1 ls").unwrap_err();
        assert!(said.to_string().contains("stands after -- or"), "{said}");
        let cli = joined("axt connect --wss-url ws://127.0.0.1 -- ls");
        let mut cli = cli.expect("that is how it is done");
        assert_eq!(run(&mut cli).expect("connect").0.argv, ["ls"]);
    }
}
