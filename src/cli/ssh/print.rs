//! `-G`: the settings as ssh prints them, those that axt acts on.

use super::settings::{Persist, SshSettings};
use super::values::LogLevel;
use crate::cli::EscapeChar;
use crate::cli::grammar::values::forward::Listen;
use std::fmt::Write as _;

/// One setting a line, in ssh's order, its keyword in small letters.
pub(super) fn settings(settings: &SshSettings, host: &str, target: &str) -> String {
    let mut text = String::new();
    let mut line = |keyword: &str, value: &str| {
        let _ = writeln!(text, "{keyword} {value}");
    };
    let flag = |value: Option<bool>| if value == Some(true) { "yes" } else { "no" };
    line("host", host);
    if let Some(user) = &settings.user {
        line("user", user);
    }
    line("hostname", target);
    line("port", &settings.port.unwrap_or(22).to_string());
    line("batchmode", flag(settings.batch_mode));
    line("compression", flag(settings.compression));
    let master = settings.control_master.unwrap_or("no");
    let master = match master {
        "no" => "false",
        "yes" => "true",
        other => other,
    };
    line("controlmaster", master);
    line("clearallforwardings", flag(settings.clear_all_forwardings));
    line(
        "exitonforwardfailure",
        flag(settings.exit_on_forward_failure),
    );
    line("gatewayports", flag(settings.gateway_ports));
    let tty = match settings.request_tty.unwrap_or("auto") {
        "yes" => "true",
        "no" => "false",
        other => other,
    };
    line("requesttty", tty);
    line("sessiontype", settings.session_type.unwrap_or("default"));
    line("stdinnull", flag(settings.stdin_null));
    let count = settings.alive_count_max.unwrap_or(3);
    line("serveralivecountmax", &count.to_string());
    let interval = settings.alive_interval.unwrap_or_default().as_secs();
    line("serveraliveinterval", &interval.to_string());
    line("loglevel", level(settings.log_level));
    if let Some(path) = &settings.control_path {
        line("controlpath", path);
    }
    if let Some(command) = settings.remote_command.as_ref().filter(|c| !c.is_empty()) {
        line("remotecommand", command);
    }
    let cleared = settings.clear_all_forwardings == Some(true);
    for listen in settings.dynamic_forwards.iter().filter(|_| !cleared) {
        line("dynamicforward", &local_side(listen));
    }
    for listen in settings.local_forwards.iter().filter(|_| !cleared) {
        let remote = listen.remote.as_ref();
        let host = remote.and_then(|remote| remote.host.as_deref());
        let port = remote.map_or(0, |remote| remote.port);
        let remote = format!("[{}]:{port}", host.unwrap_or("localhost"));
        line("localforward", &format!("{} {remote}", local_side(listen)));
    }
    for pattern in &settings.send_env {
        line("sendenv", pattern);
    }
    for variable in &settings.set_env {
        line("setenv", variable);
    }
    let timeout = settings.connect_timeout.flatten();
    let timeout = timeout.map_or("none".to_owned(), |time| time.as_secs().to_string());
    line("connecttimeout", &timeout);
    let persist = match settings.control_persist {
        None | Some(Persist::No) => "no".to_owned(),
        Some(Persist::Yes) => "yes".to_owned(),
        Some(Persist::For(time)) => time.as_secs().to_string(),
    };
    line("controlpersist", &persist);
    line("escapechar", &escape_char(settings.escape_char));
    text
}

fn level(level: Option<LogLevel>) -> &'static str {
    match level {
        Some(LogLevel::Quiet) => "SILENT",
        Some(LogLevel::Fatal) => "FATAL",
        Some(LogLevel::Error) => "ERROR",
        None | Some(LogLevel::Info) => "INFO",
        Some(LogLevel::Verbose) => "VERBOSE",
        Some(LogLevel::Debug1) => "DEBUG",
        Some(LogLevel::Debug2) => "DEBUG2",
        Some(LogLevel::Debug3) => "DEBUG3",
    }
}

fn local_side(listen: &Listen) -> String {
    match &listen.bind {
        Some(bind) => format!("[{bind}]:{}", listen.port),
        None => listen.port.to_string(),
    }
}

fn escape_char(escape: Option<EscapeChar>) -> String {
    match escape {
        None => "~".to_owned(),
        Some(escape) if escape.0.is_some_and(|byte| byte < b' ') => format!("\\{escape}"),
        Some(escape) => escape.to_string(),
    }
}
