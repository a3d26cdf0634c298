//! `axt emulator`: the local stand-in for the cloud service, in the foreground.

use crate::cli::{self, Global, GuestKind};
use crate::emulator::agent::Guest;
use crate::emulator::{Emulator, Instance, Options};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Signals;
use crate::ui::Ui;
use std::fs;
use std::net::TcpListener;

/// Runs `axt emulator` until a signal asks it to end, which is no failure: a supervisor wants 0.
pub(crate) async fn run(global: &Global, args: cli::EmulatorArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let options = options(global, &args)?;
    let mut signals = Signals::listen()?;
    let listener = TcpListener::bind(args.listen).map_err(|source| Error::Io {
        what: tr!("can't listen on the address that --listen names"),
        source,
    })?;
    let emulator = Emulator::start(options, listener).map_err(|error| match error {
        Error::Usage(problem) => Error::Usage(tr!("{problem}; --allow-remote permits it", problem)),
        other => other,
    })?;
    if !emulator.is_loopback() {
        let warning = tr!(
            "WARNING: other machines can reach this emulator, without TLS. Anyone who reads its credentials from the network gets a shell here as you."
        );
        ui.error(warning, None);
    }
    ui.data(&greeting(&emulator))?;
    signals.termination().await;
    Ok(Exit::Ok)
}

/// The address, and the lines that point a shell at it.
fn greeting(emulator: &Emulator) -> String {
    let lines = emulator.exports().into_iter();
    // Addresses, keys and regions have no characters that need quoting.
    let lines = lines.map(|(name, value)| format!("export {name}={value}\n"));
    // A token or profile of another account would be used before, or with, these keys. An empty variable counts as
    // unset, and fish has no `unset`.
    let others = "export ALIBABA_CLOUD_SECURITY_TOKEN=\nexport AXT_PROFILE=";
    format!(
        "# axt emulator on {}\n{}{others}\n",
        emulator.api_url(),
        lines.collect::<String>()
    )
}

fn options(global: &Global, args: &cli::EmulatorArgs) -> Result<Options> {
    let mut options = Options {
        region: global.region.clone(),
        allow_remote: args.allow_remote,
        session_manager_off: args.no_session_manager,
        ..Options::default()
    };
    options.agent.shell = args.shell.clone();
    options.agent.guest = match args.guest {
        GuestKind::Pty => Guest::Pty,
        GuestKind::Echo => Guest::Echo,
    };
    for setting in &args.limit {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        options.limits.set(name, value)?;
    }
    for setting in &args.fault {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        options.faults.set(name, value)?;
    }
    for action in &args.deny {
        options.deny(action)?;
    }
    options.instances.clone_from(&args.instance);
    if let Some(file) = &args.instances {
        let text = fs::read_to_string(file).map_err(|source| Error::Io {
            what: tr!("can't read the file that --instances names"),
            source,
        })?;
        let read = Instance::list_from_json(&text);
        let read = read.map_err(|error| Error::Usage(format!("{}: {error}", file.display())))?;
        options.instances.extend(read);
    }
    Ok(options)
}
