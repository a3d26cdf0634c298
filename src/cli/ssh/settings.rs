//! The settings that ssh's options and configuration lines have made so far: the first value stays.

use super::keywords::{RefusedKeyword, SettingKey, Treatment, meaning};
use super::line::ConfigLine;
use super::values::{self, LogLevel};
use crate::cli::grammar::values::escape_char;
use crate::cli::grammar::values::forward::{self, Listen};
use crate::cli::{EscapeChar, is_variable};
use crate::pattern::{list_matches, matches};
use std::time::Duration;

/// The settings; what is `None` was not said.
#[derive(Debug, Clone, Default)]
pub(super) struct SshSettings {
    pub user: Option<String>,
    pub host_name: Option<String>,
    pub port: Option<u16>,
    pub request_tty: Option<&'static str>,
    pub session_type: Option<&'static str>,
    pub stdin_null: Option<bool>,
    /// Empty for `none`.
    pub remote_command: Option<String>,
    pub send_env: Vec<String>,
    pub set_env: Vec<String>,
    /// `None` inside for `none`.
    pub connect_timeout: Option<Option<Duration>>,
    pub alive_interval: Option<Duration>,
    pub alive_count_max: Option<u32>,
    pub batch_mode: Option<bool>,
    pub log_level: Option<LogLevel>,
    pub escape_char: Option<EscapeChar>,
    pub compression: Option<bool>,
    /// Without the local address that GatewayPorts may widen.
    pub local_forwards: Vec<Listen>,
    pub dynamic_forwards: Vec<Listen>,
    pub exit_on_forward_failure: Option<bool>,
    pub clear_all_forwardings: Option<bool>,
    pub gateway_ports: Option<bool>,
    pub control_master: Option<&'static str>,
    pub control_path: Option<String>,
    pub control_persist: Option<Persist>,
    /// The names of options that were accepted without effect.
    pub without_effect: Vec<String>,
    ignore_unknown: Option<String>,
    decisions: Vec<Decision>,
}

/// The time that a control master would stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persist {
    No,
    Yes,
    For(Duration),
}

/// The first setting of an unsupported feature, which counts.
#[derive(Debug, Clone)]
struct Decision {
    keyword: &'static str,
    complaint: Option<Complaint>,
}

/// A request that axt can't follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The option or keyword, and why axt can't follow it.
    pub text: String,
    /// True to go on after a warning.
    pub is_warning: bool,
}

impl SshSettings {
    /// Takes a line of a file, or an `-o`, but for the keywords that only a file can have.
    ///
    /// # Errors
    /// The message for an unknown keyword or an invalid value.
    pub(super) fn apply(&mut self, line: &ConfigLine, from_file: bool) -> Result<(), String> {
        let Some((name, meaning)) = meaning(&line.keyword) else {
            let patterns = self.ignore_unknown.as_deref().unwrap_or_default();
            if list_matches(&line.keyword.to_ascii_lowercase(), patterns.split(',')) {
                self.has_no_effect(&line.keyword);
                return Ok(());
            }
            return Err(tr!(
                "{keyword:?} is not an option of ssh's",
                keyword = line.keyword
            ));
        };
        let said = |problem: String| format!("{name}: {problem}");
        if line.args.is_empty() && line.rest.is_empty() {
            return Err(said(tr!("a value is missing").into()));
        }
        match meaning {
            Treatment::Kept(key) => self.keep(key, line).map_err(said)?,
            Treatment::Refused(refused) if asks_for_nothing(name, &refused, line) => {
                self.decide(name, None);
                self.has_no_effect(name);
            }
            Treatment::Refused(refused) => {
                let options = own_proxy_options(&line.args).filter(|_| name == "ProxyCommand");
                let why = options.map_or(refused.why.text().into(), before_ssh);
                let complaint = Complaint {
                    text: format!("{name}: {why}"),
                    is_warning: refused.warn_in_file && from_file,
                };
                self.decide(name, Some(complaint));
            }
            Treatment::NoEffect => self.has_no_effect(name),
        }
        Ok(())
    }

    /// Applies a flag of the command line that requests an unsupported feature.
    pub(super) fn flag(&mut self, flag: char, keyword: &'static str) {
        let why = match meaning(keyword) {
            Some((_, Treatment::Refused(refused))) => refused.why.text(),
            _ => tr!("it is not supported"),
        };
        let complaint = Complaint {
            text: format!("-{flag}: {why}"),
            is_warning: false,
        };
        self.decide_anew(keyword, Some(complaint));
    }

    /// Applies a flag that switches an unsupported feature off.
    pub(super) fn flag_off(&mut self, flag: char, keyword: &'static str) {
        self.decide_anew(keyword, None);
        self.has_no_effect(&format!("-{flag}"));
    }

    /// True if no port was asked for, and none is to be cleared.
    pub(super) fn has_no_forwards(&self) -> bool {
        self.local_forwards.is_empty() && self.dynamic_forwards.is_empty()
    }

    /// Ignores the same unknown keywords as those settings.
    pub(super) fn ignore_as(&mut self, other: &Self) {
        self.ignore_unknown.clone_from(&other.ignore_unknown);
    }

    /// A request that axt can't follow.
    pub(super) fn complaints(&self) -> impl Iterator<Item = &Complaint> {
        self.decisions.iter().filter_map(|d| d.complaint.as_ref())
    }

    /// Remembers the name of what was accepted without effect.
    pub(super) fn has_no_effect(&mut self, name: &str) {
        if !self.without_effect.iter().any(|known| known == name) {
            self.without_effect.push(name.to_owned());
        }
    }

    /// A flag takes the place of what was decided before it.
    fn decide_anew(&mut self, keyword: &'static str, complaint: Option<Complaint>) {
        self.decisions.retain(|d| d.keyword != keyword);
        self.decide(keyword, complaint);
    }

    fn decide(&mut self, keyword: &'static str, complaint: Option<Complaint>) {
        if !self.decisions.iter().any(|d| d.keyword == keyword) {
            self.decisions.push(Decision { keyword, complaint });
        }
    }

    fn keep(&mut self, key: SettingKey, line: &ConfigLine) -> Result<(), String> {
        match key {
            SettingKey::LocalForward => match line.args.as_slice() {
                [here, there] => add(&mut self.local_forwards, local(&format!("{here}:{there}"))?),
                _ => return Err(tr!("expected [BIND:]PORT HOST:HOSTPORT").into()),
            },
            SettingKey::SendEnv => line.args.iter().for_each(|arg| self.send(arg)),
            SettingKey::SetEnv => return self.set(&line.args),
            SettingKey::RemoteCommand => {
                let command = match line.rest.as_str() {
                    "none" => String::new(),
                    command => command.to_owned(),
                };
                self.remote_command.get_or_insert(command);
            }
            _ => match line.args.as_slice() {
                [value] if !value.is_empty() => return self.keep_value(key, value),
                [] | [_] => return Err(tr!("a value is missing").into()),
                _ => return Err(tr!("it takes one value").into()),
            },
        }
        Ok(())
    }

    /// Takes the value of a keyword that has one.
    fn keep_value(&mut self, key: SettingKey, text: &str) -> Result<(), String> {
        match key {
            SettingKey::BatchMode => first(&mut self.batch_mode, values::flag(text)?),
            SettingKey::ClearAllForwardings => {
                first(&mut self.clear_all_forwardings, values::flag(text)?);
            }
            SettingKey::Compression => first(&mut self.compression, values::flag(text)?),
            SettingKey::ConnectTimeout => first(&mut self.connect_timeout, optional_time(text)?),
            SettingKey::ControlMaster => {
                let words = ["yes", "no", "auto", "ask", "autoask"];
                let word = values::word(text, &words)?;
                // Nobody can be asked.
                if word.ends_with("ask") && self.control_master.is_none() {
                    self.has_no_effect(&format!("ControlMaster={word}"));
                }
                first(&mut self.control_master, word);
            }
            SettingKey::ControlPath => first(&mut self.control_path, text.to_owned()),
            SettingKey::ControlPersist => first(&mut self.control_persist, persist(text)?),
            SettingKey::DynamicForward => add(&mut self.dynamic_forwards, dynamic(text)?),
            SettingKey::EscapeChar => first(&mut self.escape_char, escape_char(text)?),
            SettingKey::ExitOnForwardFailure => {
                first(&mut self.exit_on_forward_failure, values::flag(text)?);
            }
            SettingKey::GatewayPorts => first(&mut self.gateway_ports, values::flag(text)?),
            SettingKey::HostName => first(&mut self.host_name, text.to_owned()),
            SettingKey::IgnoreUnknown => first(&mut self.ignore_unknown, text.to_ascii_lowercase()),
            SettingKey::LogLevel => first(&mut self.log_level, values::log_level(text)?),
            SettingKey::Port => first(&mut self.port, values::port(text)?),
            SettingKey::RequestTty => {
                let words = ["yes", "no", "auto", "force"];
                first(&mut self.request_tty, values::word(text, &words)?);
            }
            SettingKey::ServerAliveCountMax => {
                first(&mut self.alive_count_max, values::count(text)?)
            }
            SettingKey::ServerAliveInterval => {
                let interval = optional_time(text)?.unwrap_or_default();
                first(&mut self.alive_interval, interval);
            }
            SettingKey::SessionType => {
                let words = ["none", "subsystem", "default"];
                first(&mut self.session_type, values::word(text, &words)?);
            }
            SettingKey::StdinNull => first(&mut self.stdin_null, values::flag(text)?),
            SettingKey::User => first(&mut self.user, text.to_owned()),
            SettingKey::Host | SettingKey::Include | SettingKey::Match => {
                return Err(tr!("it can only be used in a file").into());
            }
            // These have their own ways with several values.
            SettingKey::LocalForward
            | SettingKey::RemoteCommand
            | SettingKey::SendEnv
            | SettingKey::SetEnv => {}
        }
        Ok(())
    }

    /// A pattern of variables to send, or with `-` before it of those to leave out again.
    fn send(&mut self, pattern: &str) {
        match pattern.strip_prefix('-') {
            Some(pattern) => self.send_env.retain(|name| !matches(name, pattern)),
            None => self.send_env.push(pattern.to_owned()),
        }
    }

    /// Sets variables. As with ssh, only the first line with variables counts.
    fn set(&mut self, args: &[String]) -> Result<(), String> {
        let is_set = |arg: &str| {
            arg.split_once('=')
                .is_some_and(|(name, _)| is_variable(name))
        };
        if let Some(wrong) = args.iter().find(|arg| !is_set(arg)) {
            return Err(tr!("{wrong:?} is not of the form NAME=VALUE", wrong));
        }
        if self.set_env.is_empty() {
            self.set_env.extend_from_slice(args);
        }
        Ok(())
    }
}

/// `-L`.
pub(super) fn local(text: &str) -> Result<Listen, String> {
    without_path(text)?;
    named(forward::local_with_host(text)?, text)
}

/// `-D`.
pub(super) fn dynamic(text: &str) -> Result<Listen, String> {
    without_path(text)?;
    named(forward::dynamic(text)?, text)
}

/// Refuses sockets in the file system.
fn without_path(text: &str) -> Result<(), String> {
    match text.contains('/') {
        true => Err(tr!("sockets in the file system can't be forwarded, only TCP ports").into()),
        false => Ok(()),
    }
}

/// Keeps loopback that was given by name apart from no address, which `GatewayPorts` widens. Port 0 is refused:
/// nobody would learn which port was chosen.
fn named(mut listen: Listen, text: &str) -> Result<Listen, String> {
    if listen.port == 0 {
        return Err(tr!(
            "the local port can't be 0, as with ssh; `axt forward` takes any free one"
        )
        .into());
    }
    if text.to_ascii_lowercase().starts_with("localhost:") {
        listen.bind = Some("localhost".into());
    }
    Ok(listen)
}

/// A forward that is there already is not added again, as with ssh.
fn add(forwards: &mut Vec<Listen>, listen: Listen) {
    if !forwards.contains(&listen) {
        forwards.push(listen);
    }
}

fn first<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

/// A time, or `none`.
fn optional_time(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "none" => Ok(None),
        text => values::time(text).map(Some),
    }
}

fn persist(text: &str) -> Result<Persist, String> {
    match values::flag(text) {
        Ok(true) => Ok(Persist::Yes),
        Ok(false) => Ok(Persist::No),
        Err(_) => match values::time(text)? {
            Duration::ZERO => Ok(Persist::Yes),
            time => Ok(Persist::For(time)),
        },
    }
}

/// True if a line of a keyword that axt can't follow leads to the same as none.
fn asks_for_nothing(name: &str, refused: &RefusedKeyword, line: &ConfigLine) -> bool {
    let value = line.args.join(" ").to_ascii_lowercase();
    // `axt proxy %h %p` leads where axt leads anyway.
    let leads_here = || own_proxy_options(&line.args).is_some_and(<[_]>::is_empty);
    refused.harmless.contains(&value.as_str()) || name == "ProxyCommand" && leads_here()
}

/// The options in `axt [OPTION]... proxy %h [%p]`; `None` for any other command.
fn own_proxy_options(args: &[String]) -> Option<&[String]> {
    let [program, rest @ ..] = args else {
        return None;
    };
    let host = rest.iter().rposition(|word| word == "%h")?;
    let (before, port) = rest.split_at(host);
    let [options @ .., verb] = before else {
        return None;
    };
    let is_port = match port {
        [_host] => true,
        [_host, port] => port == "%p" || port == "22",
        _ => false,
    };
    let is_axt = program.rsplit('/').next() == Some("axt");
    (is_axt && verb == "proxy" && is_port).then_some(options)
}

/// The reason to refuse a ProxyCommand with these options of axt's: they may lead to another account.
fn before_ssh(options: &[String]) -> String {
    let options = options.iter().map(|word| word.replace("%%", "%"));
    let quoted =
        options.map(|word| shlex::try_quote(&word).map_or_else(|_| word.clone(), Into::into));
    let options = quoted.collect::<Vec<String>>().join(" ");
    tr!(
        "axt's own options in it have no effect here; put them before ssh: `axt {options} ssh -o ProxyCommand=none …`",
        options
    )
}
