//! The shell texts of the bootstrap: POSIX `sh` with `stty` and `dd`, `base64` for `--binary`.

use std::ffi::OsString;

/// What runs at the far end, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What to run.
    pub what: What,
    /// By the user's login shell, in their home.
    pub login: bool,
    /// On a terminal of its own, with the user's keys as its input.
    pub terminal: bool,
    /// Encode the output on its way.
    pub binary: bool,
    /// Give it the user's standard input.
    pub stdin: bool,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A shell command line: any bytes but NUL.
    Command(Vec<u8>),
    /// The shell script on standard input.
    Script,
    /// The login shell itself.
    LoginShell,
}

impl Program {
    /// Whether the output is encoded; a terminal's never is.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.binary && !self.terminal
    }
}

/// An argument may hold no more than 128 KiB on Linux; pieces of a longer command hold this much.
const PIECE: usize = 96 * 1024;

/// What the agent runs: it splits the words as a shell would, expands nothing and starts `sh`.
///
/// The terminal is silenced before anything is said or read, so that nothing is echoed and no byte
/// changed; how it was is kept for programs that want it. Then the script is read to its exact
/// length, which goes before it in [`header`]'s form: `dd bs=1` takes no byte too many, whereas the
/// shells' `read` may.
#[must_use]
pub(super) fn command_line(nonce: &str) -> String {
    format!(
        "sh -c 'm={nonce};for t in stty dd;do command -v $t >/dev/null||{{ printf %s \"$m!$t;\";exit 69;}};done;\
         s=$(stty -g);stty raw -echo;printf %s \"$m?\";n=$(dd bs=1 count=8 2>/dev/null);eval \"$(dd bs=1 count=$n 2>/dev/null)\"'"
    )
}

/// The script that the bootstrap takes over the channel.
#[must_use]
pub(super) fn stage_two(program: &Program, mark: &str) -> Vec<u8> {
    let mut text = Vec::new();
    // The exit status must be reported whatever interrupts the command. Caught signals, unlike
    // ignored ones, are the default again in what the shell starts.
    line(&mut text, &format!("M='{mark}';trap : INT TERM QUIT"));
    if program.is_encoded() {
        line(&mut text, NEEDS_BASE64);
    }
    if program.login {
        line(&mut text, LOGIN);
    }
    let run = run(program, &mut text);
    // What the bootstrap's own shell says, such as `Terminated`, is nobody's output. It says so
    // where the command's redirections hold, hence the subshell around the command.
    line(&mut text, "exec 3>&1 4>&2 2>/dev/null");
    if program.terminal {
        export(&mut text);
        let status = "printf %s \"$M=$?;\" >&3";
        line(
            &mut text,
            &format!("stty \"$s\" 2>&4;printf %s \"$M+\"\n(exec {run} 2>&4 3>&- 4>&-)\n{status}"),
        );
        return text;
    }
    line(&mut text, FEED);
    let want = if program.stdin { "w=1" } else { "w=" };
    let input = if program.stdin { "" } else { " </dev/null" };
    let traps = "trap : INT TERM QUIT";
    let command = if program.is_encoded() {
        line(&mut text, ENCODE);
        let run = format!("(exec {run} 2>&1 3>&- 4>&-{input});printf %s \"$M=$?;\"");
        format!("{{ {{ {traps};{run};}}|encode >&3;}}")
    } else {
        let run = format!("(exec {run} 2>&4 3>&- 4>&-{input});printf %s \"$M=$?;\" >&3");
        format!("{{ {traps};{run};}}")
    };
    line(&mut text, &format!("{want};feed|{command}"));
    text
}

/// What goes before a script or a chunk of standard input: its length.
#[must_use]
pub(super) fn header(len: usize) -> String {
    format!("{len:08}")
}

/// What interrupts instead of a chunk: the name of a signal without `SIG`.
#[must_use]
pub(super) fn signal(name: &str) -> String {
    format!("{name:<8}")
}

/// Words quoted for a shell, joined by spaces.
#[must_use]
pub fn quote_all(words: &[OsString]) -> Vec<u8> {
    let quoted: Vec<_> = words
        .iter()
        .map(|word| quote(word.as_encoded_bytes()))
        .collect();
    quoted.join(&b' ')
}

/// Bytes as one shell word.
fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in word {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            other => quoted.push(other),
        }
    }
    quoted.push(b'\'');
    quoted
}

fn line(text: &mut Vec<u8>, line: &str) {
    text.extend(line.as_bytes());
    text.push(b'\n');
}

/// Leads standard input to the command, chunk by chunk as it is asked for, and signals to the
/// whole process group. A header says what comes: the length of a chunk, 0 for the end, or a signal.
/// `dd` reads a whole chunk before it writes any of it, so that the terminal never holds data that
/// nobody reads; where it can't do that, it reads byte by byte and the feeding ends with the
/// command's interest.
const FEED: &str = r#"if dd iflag=fullblock count=0 </dev/null >/dev/null 2>&1;then d='count=1 iflag=fullblock bs=';else d='bs=1 count=';fi
feed(){
trap : INT TERM QUIT
while :;do
[ -z "$w" ]||printf %s "$M+" >&3
n=$(dd bs=1 count=8 2>/dev/null)||{ [ $? -gt 128 ]&&continue;exit;}
case $n in
00000000)w=;exec >/dev/null;;
[0-9]*)dd $d$n 2>/dev/null||case $d in bs*)exit;;*)w=;exec >/dev/null;;esac;;
?*)kill -s $n 0;;
*)exit;;
esac
done
}"#;

/// Encodes each piece as soon as it is there; a signal that ends the command leaves it whole.
const ENCODE: &str = r#"encode(){
trap '' INT TERM QUIT
while c=$(dd bs=24576 count=1 2>/dev/null|base64);[ -n "$c" ];do printf '%s\n' "$c";done
}"#;

const NEEDS_BASE64: &str = r#"command -v base64 >/dev/null||{ printf %s "$M!base64;";exit 69;}"#;

/// Who the user is and which shell is theirs: by getent where it is, else from /etc/passwd.
const LOGIN: &str = r#"U=$(id -un);L=$(getent passwd "$U" 2>/dev/null)
[ -n "$L" ]||while IFS= read -r L;do case $L in "$U:"*)break;;esac;L=;done </etc/passwd
H=${L%:*};HOME=${H##*:};SHELL=${L##*:}
[ -n "$HOME" ]||HOME=/
[ -n "$SHELL" ]||SHELL=/bin/sh
USER=$U;LOGNAME=$U;export HOME SHELL USER LOGNAME
cd "$HOME" 2>/dev/null||cd /"#;

/// The words that start the program; what they need is put into the text before.
fn run(program: &Program, text: &mut Vec<u8>) -> String {
    let shell = if program.login { "\"$SHELL\" -l" } else { "sh" };
    match &program.what {
        What::LoginShell => "\"$SHELL\" -l".into(),
        What::Script => format!("{shell} -s"),
        What::Command(command) if command.len() <= PIECE => {
            text.extend(b"C=");
            text.extend(quote(command));
            text.push(b'\n');
            format!("{shell} -c \"$C\"")
        }
        What::Command(command) => {
            text.extend(b"set --");
            for piece in command.chunks(PIECE) {
                text.push(b' ');
                text.extend(quote(piece));
            }
            text.push(b'\n');
            let joined = r#"c=;for p;do c=$c$p;done;eval "set --;unset c p;$c""#;
            format!("{shell} -c '{joined}' sh \"$@\"")
        }
    }
}

/// Carries over what a terminal program wants to know about the user's terminal.
fn export(text: &mut Vec<u8>) {
    for name in ["TERM", "COLORTERM", "LANG"] {
        let Some(value) = std::env::var_os(name) else {
            continue;
        };
        text.extend(format!("{name}=").as_bytes());
        text.extend(quote(value.as_encoded_bytes()));
        text.extend(format!(";export {name}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_fits_and_holds_no_quote_of_its_own() {
        let line = command_line(&format!("AXT{}", "0".repeat(32)));
        assert!(line.len() <= 400, "{}", line.len());
        assert_eq!(line.matches('\'').count(), 2);
        assert_eq!(shlex::split(&line).map(|words| words.len()), Some(3));
    }

    #[test]
    fn quoting_survives_every_byte() {
        assert_eq!(quote(b"it's $x"), b"'it'\\''s $x'");
        let words = ["ls", "-l", "a b"].map(OsString::from);
        assert_eq!(quote_all(&words), b"'ls' '-l' 'a b'");
    }
}
