//! The commands, one file or folder each. They may use every layer, but not each other, except for `ssh`,
//! which is made of others. Code that several of them need is in `shared`; what explains a failed connect
//! is in `doctor`.

mod completion;
mod config;
mod connect;
mod cp;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
pub mod exec;
mod forward;
mod generate;
mod instances;
mod proxy;
mod sessions;
#[cfg(unix)]
mod share;
mod shared;
mod ssh;
mod webshell;

#[cfg(feature = "fuzzing")]
pub(crate) use completion::replaced_on_line;
#[cfg(feature = "fuzzing")]
pub(crate) use cp::unpacked_as;
#[cfg(feature = "fuzzing")]
pub(crate) use forward::socks_request;

use crate::cli::{Cli, Command, Config};
use crate::error::Error;
use crate::exit::Exit;
use crate::process;
use crate::providers;
use crate::ui::Ui;
use anyhow::anyhow;
use shared::{report, stops};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the command, shows its failure if there is one, and returns the exit status.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    process::begin();
    Ui::colour(cli.global.color);
    let ui = Ui::new(cli.global.quiet);
    let as_json = cli.command.prints_json();
    let failed = match cli.command {
        Command::Connect(_)
        | Command::Cp(_)
        | Command::Proxy(_)
        | Command::Ssh(_)
        | Command::Webshell(_) => Exit::Failed,
        _ => Exit::Unsuccessful,
    };
    // The panic's own message says where it happened; here it only needs an exit status.
    let done = catch_unwind(AssertUnwindSafe(|| {
        shared::log::start(&cli.global, &ui).and_then(|()| dispatch(cli, &ui))
    }));
    let fault = |_| Err(anyhow!(tr!("internal error; please report it")));
    done.unwrap_or_else(fault).unwrap_or_else(|error| {
        if let Some(Error::Stopped(stop)) = error.downcast_ref() {
            return stops::exit_of(*stop);
        }
        report::failure(&ui, &error, as_json);
        match error.downcast_ref() {
            Some(Error::Usage(_)) if failed == Exit::Unsuccessful => Exit::Usage,
            _ => failed,
        }
    })
}

fn dispatch(cli: Cli, ui: &Ui) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Connect(args) => block_on(connect::run(&cli.global, *args, ui)),
        Command::Cp(args) => block_on(cp::run(&cli.global, *args, ui)),
        Command::Forward(args) => block_on(forward::run(&cli.global, *args, ui)),
        Command::Proxy(args) => block_on(proxy::run(&cli.global, *args, ui)),
        Command::Ssh(args) => block_on(ssh::run(&cli.global, *args, ui)),
        Command::SshConfig(args) => ssh::config(&cli.global, &args, ui),
        Command::Webshell(args) => block_on(webshell::run(&cli.global, *args, ui)),
        Command::Doctor(args) => block_on(doctor::run(&cli.global, args, ui)),
        Command::Instances(args) => block_on(instances::run(&cli.global, *args, ui)),
        Command::Sessions(command) => block_on(sessions::run(&cli.global, command, ui)),
        Command::Config(Config::Show(args)) => config::show(&cli.global, &args, ui),
        #[cfg(unix)]
        Command::Share(command) => block_on(share::run(command, ui)),
        #[cfg(not(unix))]
        Command::Share(_) => Err(anyhow!(tr!("sessions are not shared on this system"))),
        #[cfg(feature = "emulator")]
        Command::Emulator(args) => block_on(emulator::run(&cli.global, *args, ui)),
        Command::Completion { shell, typed } => completion::run(shell, typed, ui),
        Command::Man { command } => generate::man(&command, ui),
        Command::Schema => generate::schema(ui),
    }
}

/// Runs a command on this thread. Tasks that still run afterwards, such as a read of the terminal, are
/// not waited for.
fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let done = command.await;
        providers::finish().await;
        done
    });
    runtime.shutdown_background();
    done
}
