//! Reads the arguments of ssh in ssh's order: options before and after the host, then the command.

use super::file::{self, Files};
use super::habits;
use super::line;
use super::plan::{self, ArgumentValues, MasterCommand, SshPlan};
use super::print;
use super::settings::{dynamic, local};
use super::values::{self, LogLevel};
use crate::cli::grammar::values::escape_char;
use crate::cli::grammar::values::forward;
use crate::names::target::Target;
use lexopt::Arg;
use std::ffi::OsString;

/// A request to ssh.
#[derive(Debug, Clone, PartialEq)]
pub enum SshRequest {
    /// `-V`: the line that names the program, on stderr.
    Version,
    /// `-G`: this text on stdout.
    Settings(String),
    /// Anything else.
    Run(Box<SshPlan>),
}

/// The options that take a value.
const WITH_VALUE: &str = "BDEFIJLOQRSWbceilmopw";

/// The usage, for a command line that names no host.
const USAGE: &str = "usage: axt ssh [ssh's options] [user@]TARGET [command [argument ...]]";

/// Reads the arguments, without the program's name.
///
/// # Errors
/// Names the argument that is wrong, or the request that axt does not support, with what to use instead.
pub fn request(args: Vec<OsString>, files: &dyn Files) -> Result<SshRequest, String> {
    read(args.clone(), files).map_err(|problem| {
        let hint = habits::hint(&args).filter(|_| problem.ends_with(USAGE));
        let hint = hint.map(|hint| tr!("hint: {hint}", hint));
        hint.map_or(problem.clone(), |hint| format!("{problem}\n{hint}"))
    })
}

fn read(args: Vec<OsString>, files: &dyn Files) -> Result<SshRequest, String> {
    let mut read = Arguments::default();
    let mut parser = lexopt::Parser::from_args(args);
    // As with ssh, the value of `-l=x` is `=x`.
    parser.set_short_equals(false);
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        match arg {
            Arg::Short('V') => return Ok(SshRequest::Version),
            Arg::Short(option) => read.option(option, &mut parser)?,
            Arg::Long(name) => {
                return Err(tr!(
                    "--{name} is not an option of ssh's\n{usage}",
                    name,
                    usage = USAGE
                ));
            }
            Arg::Value(host) if read.host.is_none() => read.destination(host)?,
            Arg::Value(word) => {
                read.wanted.command.push(word);
                let rest = parser.raw_args().map_err(|error| error.to_string())?;
                read.wanted.command.extend(rest);
            }
        }
    }
    read.request(files)
}

/// The meaning that a further argument would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextWord {
    /// The host, or an option.
    Host,
    /// The value of this option.
    Value(char),
    /// A word of the command.
    Command,
}

/// The meaning of the next argument after these, whether or not they are valid.
pub(crate) fn next(args: &[OsString]) -> NextWord {
    let mut parser = lexopt::Parser::from_args(args);
    parser.set_short_equals(false);
    while let Ok(Some(arg)) = parser.next() {
        let option = match arg {
            Arg::Short(option) if WITH_VALUE.contains(option) => option,
            Arg::Value(_) => return NextWord::Command,
            _ => continue,
        };
        if parser.value().is_err() {
            return NextWord::Value(option);
        }
    }
    NextWord::Host
}

/// The arguments read so far.
#[derive(Debug, Default)]
struct Arguments {
    wanted: ArgumentValues,
    host: Option<String>,
    file: Option<String>,
    print: bool,
}

impl Arguments {
    /// Reads the configuration file, which needs the host, and makes the request.
    fn request(mut self, files: &dyn Files) -> Result<SshRequest, String> {
        let Some(host) = self.host.clone() else {
            return Err(tr!("a host is missing\n{usage}", usage = USAGE));
        };
        let user = self.wanted.settings.user.as_deref().unwrap_or_default();
        // A domain may stand before the user.
        if !is_safe(user, "") || user.ends_with('\\') {
            return Err(tr!("{user:?} can't be the name of a user", user));
        }
        if !is_safe(&host, "$\\") {
            return Err(tr!("{host:?} can't be the name of a host", host));
        }
        match self.file.as_deref() {
            None | Some("none") => {}
            Some(path) => file::apply(&mut self.wanted.settings, path, &host, files)?,
        }
        let settings = &mut self.wanted.settings;
        if settings.clear_all_forwardings == Some(true) && settings.has_no_forwards() {
            settings.has_no_effect("ClearAllForwardings");
        }
        if self.wanted.forward.is_some() {
            settings.clear_all_forwardings.get_or_insert(true);
            settings.exit_on_forward_failure.get_or_insert(true);
        }
        if self.print {
            let target = plan::target(&self.wanted.settings, &host)?;
            let text = print::settings(&self.wanted.settings, &host, &target);
            return Ok(SshRequest::Settings(text));
        }
        SshPlan::of(self.wanted, &host).map(|plan| SshRequest::Run(Box::new(plan)))
    }

    /// `[user@]host` or `ssh://[user@]host[:port]`.
    fn destination(&mut self, destination: OsString) -> Result<(), String> {
        let text = text(destination, tr!("the host"))?;
        let (whole, port) = match text.strip_prefix("ssh://") {
            Some(address) => address_of(address)?,
            None => (text.as_str(), None),
        };
        let target = Target::parse(whole);
        let host = target.host();
        if host.is_empty() || target.user.as_deref() == Some("") {
            return Err(tr!(
                "{text:?} is not of the form [user@]host\n{usage}",
                text,
                usage = USAGE
            ));
        }
        if let Some(user) = target.user {
            self.wanted.settings.user.get_or_insert(user);
        }
        if let Some(port) = port {
            self.wanted.settings.port.get_or_insert(port);
        }
        self.host = Some(host);
        Ok(())
    }

    /// Applies one option. Unlike `-o`, most options replace an earlier value.
    fn option(&mut self, option: char, parser: &mut lexopt::Parser) -> Result<(), String> {
        let settings = &mut self.wanted.settings;
        match option {
            '1' => return Err(tr!("-1: version 1 of the protocol is not supported").into()),
            'C' => settings.compression = Some(true),
            'G' => self.print = true,
            'g' => settings.gateway_ports = Some(true),
            'M' => {
                let again = settings.control_master == Some("yes");
                if again {
                    settings.has_no_effect("ControlMaster=ask");
                }
                settings.control_master = Some(if again { "ask" } else { "yes" });
            }
            'N' => {
                self.session_type("none")?;
                self.wanted.settings.request_tty = Some("no");
            }
            'n' => settings.stdin_null = Some(true),
            'q' => settings.log_level = Some(LogLevel::Quiet),
            's' => self.session_type("subsystem")?,
            'T' => settings.request_tty = Some("no"),
            't' => {
                let again = settings.request_tty == Some("yes");
                settings.request_tty = Some(if again { "force" } else { "yes" });
            }
            'v' => {
                let level = settings.log_level.unwrap_or(LogLevel::Info);
                settings.log_level = Some(level.louder());
            }
            'A' => settings.flag(option, "ForwardAgent"),
            'a' => settings.flag_off(option, "ForwardAgent"),
            'K' => settings.flag(option, "GSSAPIDelegateCredentials"),
            'k' => settings.flag_off(option, "GSSAPIDelegateCredentials"),
            'X' | 'Y' => settings.flag(option, "ForwardX11"),
            'x' => settings.flag_off(option, "ForwardX11"),
            'f' => settings.flag(option, "ForkAfterAuthentication"),
            '2' | '4' | '6' => settings.has_no_effect(&format!("-{option}")),
            'P' => return Err(tr!("-P: its meaning differs between versions of ssh").into()),
            'y' => return Err(tr!("-y: axt does not write to syslog; -E names a file").into()),
            _ if WITH_VALUE.contains(option) => {
                let value = parser
                    .value()
                    .map_err(|_| tr!("-{option}: a value is missing", option))?;
                if option == 'E' {
                    self.wanted.log_file = Some(value.into());
                    return Ok(());
                }
                let value = text(value, &tr!("the value of -{option}", option))?;
                return self
                    .option_with_value(option, value)
                    .map_err(|problem| format!("-{option}: {problem}"));
            }
            _ => {
                return Err(tr!(
                    "-{option} is not an option of ssh's\n{usage}",
                    option,
                    usage = USAGE
                ));
            }
        }
        Ok(())
    }

    fn option_with_value(&mut self, option: char, value: String) -> Result<(), String> {
        let settings = &mut self.wanted.settings;
        match option {
            'c' | 'I' | 'i' | 'm' => settings.has_no_effect(&format!("-{option}")),
            'D' => settings.dynamic_forwards.push(dynamic(&value)?),
            'e' => settings.escape_char = Some(escape_char(&value)?),
            'F' => self.file = Some(value),
            'L' => settings.local_forwards.push(local(&value)?),
            'l' if value.is_empty() => return Err(tr!("a value is missing").into()),
            'l' => {
                settings.user.get_or_insert(value);
            }
            'O' => self.wanted.master = Some(MasterCommand::named(&value)?),
            'o' => {
                if let Some(line) = line::cut(&value)? {
                    settings.apply(&line, false)?;
                }
            }
            'p' if settings.port.is_some() => {}
            'p' => settings.port = Some(values::port(&value)?),
            'S' => settings.control_path = Some(value),
            'W' => {
                self.wanted.forward = Some(forward::remote(&value)?);
                settings.request_tty = Some("no");
                settings.session_type = Some("none");
            }
            'Q' => return Err(tr!("axt has no algorithms to list").into()),
            'B' => settings.flag(option, "BindInterface"),
            'b' => settings.flag(option, "BindAddress"),
            'J' => settings.flag(option, "ProxyJump"),
            'R' => settings.flag(option, "RemoteForward"),
            _ => settings.flag(option, "Tunnel"),
        }
        Ok(())
    }

    fn session_type(&mut self, kind: &'static str) -> Result<(), String> {
        match self.wanted.settings.session_type {
            Some(other) if other != kind => Err(tr!("-N and -s exclude each other").into()),
            _ => {
                self.wanted.settings.session_type = Some(kind);
                Ok(())
            }
        }
    }
}

/// `[user@]host[:port]` of an `ssh://` address, without the path that ssh does not take either.
fn address_of(address: &str) -> Result<(&str, Option<u16>), String> {
    let address = address.strip_suffix('/').unwrap_or(address);
    if address.contains('/') {
        return Err(tr!(
            "ssh://{address}: an address of ssh's has no path",
            address
        ));
    }
    match address.rsplit_once(':') {
        Some((whole, port)) => Ok((whole, Some(values::port(port)?))),
        None => Ok((address, None)),
    }
}

/// False for names that a shell or another program would misread, as ssh has it: `more` are further
/// characters that are not for this name.
fn is_safe(name: &str, more: &str) -> bool {
    let is_odd = |c: char| c.is_control() || "'`\";&<>|(){}".contains(c) || more.contains(c);
    !name.starts_with('-') && !name.contains(is_odd) && !name.contains(" -")
}

fn text(arg: OsString, what: &str) -> Result<String, String> {
    arg.into_string()
        .map_err(|_| tr!("{what} is not UTF-8", what))
}
