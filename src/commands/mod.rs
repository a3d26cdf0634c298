//! The commands, one file or folder each. They may use every layer, but not each other, except for `ssh`,
//! which is made of others. Code that several of them need is in `common`; what explains a failed connect
//! is in `doctor`.

mod common;
mod completion;
mod config;
mod connect;
mod cp;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod forward;
mod generate;
mod instances;
mod proxy;
mod sessions;
#[cfg(unix)]
mod share;
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
#[cfg(not(unix))]
use anyhow::anyhow;
use common::{report, stops};
use futures_util::future::LocalBoxFuture;

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
    common::panics::end_with(failed, &ui, as_json);
    let done = common::log::start(&cli.global, &ui).and_then(|()| dispatch(cli, &ui));
    done.unwrap_or_else(|error| {
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
        Command::Connect(args) => block_on(Box::pin(connect::run(&cli.global, *args, ui))),
        Command::Cp(args) => block_on(Box::pin(cp::run(&cli.global, *args, ui))),
        Command::Forward(args) => block_on(Box::pin(forward::run(&cli.global, *args, ui))),
        Command::Proxy(args) => block_on(Box::pin(proxy::run(&cli.global, *args, ui))),
        Command::Ssh(args) => block_on(Box::pin(ssh::run(&cli.global, *args, ui))),
        Command::SshConfig(args) => ssh::config(&cli.global, &args, ui),
        Command::Webshell(args) => block_on(Box::pin(webshell::run(&cli.global, *args, ui))),
        Command::Doctor(args) => block_on(Box::pin(doctor::run(&cli.global, args, ui))),
        Command::Instances(args) => block_on(Box::pin(instances::run(&cli.global, *args, ui))),
        Command::Sessions(command) => block_on(Box::pin(sessions::run(&cli.global, command, ui))),
        Command::Config(Config::Show(args)) => config::show(&cli.global, &args, ui),
        #[cfg(unix)]
        Command::Share(command) => block_on(Box::pin(share::run(command, ui))),
        #[cfg(not(unix))]
        Command::Share(_) => Err(anyhow!(tr!("sessions are not shared on this system"))),
        #[cfg(feature = "emulator")]
        Command::Emulator(args) => block_on(Box::pin(emulator::run(&cli.global, *args, ui))),
        Command::Completion { shell, typed } => completion::run(shell, typed, ui),
        Command::Man { command } => generate::man(&command, ui),
        Command::Schema => generate::schema(ui),
    }
}

/// Runs a command on this thread. Tasks that still run afterwards, such as a read of the terminal, are
/// not waited for. The command's state is in a box: on the stack it would be there more than once, and stay
/// in memory.
fn block_on(command: LocalBoxFuture<'_, anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    crate::pump::runtime_begins();
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
