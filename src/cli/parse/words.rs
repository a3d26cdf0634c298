//! A command after TARGET without `--`: its words are joined by spaces, as ssh joins them.

use crate::cli::{Cli, Command, RunArgs};
use clap::Arg;
use clap::error::{Error, ErrorKind};
use std::ffi::{OsStr, OsString};

/// True if the first word looks like an option. The parser takes it for a word, because later words may be options
/// of the command's; no command has such a name.
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

/// The arguments, with the value that is glued to the option that the parser took for the first word as an
/// argument of its own. `None` if it is no such option.
pub(super) fn with_value_apart(
    cli: &mut Cli,
    axt: &clap::Command,
    args: &[OsString],
) -> Option<Vec<OsString>> {
    let below = match cli.command {
        Command::Webshell(_) => "webshell",
        _ => "connect",
    };
    let below = axt.find_subcommand(below)?;
    let takes_value = |short: char| {
        let options = below.get_arguments().chain(axt.get_arguments());
        let mut options = options.filter(|arg| arg.get_short() == Some(short));
        options.any(|arg| arg.get_action().takes_values())
    };
    let (run, _) = run(cli)?;
    // All arguments from the first word on are words.
    let (before, words) = args.split_at_checked(args.len().checked_sub(run.words.len())?)?;
    let (first, rest) = words.split_first()?;
    let mut parser = lexopt::Parser::from_args([first]);
    let mut options = String::from("-");
    while let Ok(Some(lexopt::Arg::Short(short))) = parser.next() {
        options.push(short);
        if takes_value(short) {
            let value = parser.optional_value()?;
            let own = [options.into(), value];
            return Some([before, &own, rest].concat());
        }
    }
    None
}

/// Makes the words the command.
///
/// # Errors
/// A usage error for words after a session's URL: no TARGET is needed there, and the first word would be taken
/// for one.
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
fn run(cli: &mut Cli) -> Option<(&mut RunArgs, bool)> {
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
    fn a_glued_value_is_the_options() {
        for (line, expected) in [
            (
                "axt connect i-1 -lroot ls -l",
                Some("axt connect i-1 -l root ls -l"),
            ),
            (
                "axt connect i-1 -vnlroot id",
                Some("axt connect i-1 -vnl root id"),
            ),
            ("axt connect i-1 -l=x id", Some("axt connect i-1 -l x id")),
            ("axt connect i-1 -cid", Some("axt connect i-1 -c id")),
            ("axt connect i-1 -e~ id", Some("axt connect i-1 -e ~ id")),
            ("axt connect i-1 -x ls", None),
        ] {
            let args: Vec<OsString> = line.split(' ').map(Into::into).collect();
            let mut axt = Cli::command();
            axt.build();
            let mut cli = Cli::try_parse_from(&args).expect(line);
            let apart = with_value_apart(&mut cli, &axt, &args);
            let apart = apart.map(|args| args.join(OsStr::new(" ")));
            assert_eq!(apart.as_deref(), expected.map(OsStr::new), "{line}");
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
