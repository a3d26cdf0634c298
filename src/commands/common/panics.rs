//! The end of the process by a panic: with the terminal as it was, a message and an exit status.

use super::report;
use crate::exit::Exit;
use crate::terminal;
use crate::ui::Ui;
use anyhow::anyhow;
use std::panic::{set_hook, take_hook};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest time for each step of the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// From now on a panic of any thread ends the process with this status. Nothing is unwound.
pub(crate) fn end_with(exit: Exit, ui: &Ui, as_json: bool) {
    let ui = ui.clone();
    let tell_where = take_hook();
    set_hook(Box::new(move |panic| {
        within_limit(terminal::screen::abandon);
        tell_where(panic);
        let ui = ui.clone();
        within_limit(move || {
            report::failure(
                &ui,
                &anyhow!(tr!("internal error; please report it")),
                as_json,
            );
        });
        #[allow(clippy::exit, reason = "nothing is left to return to")]
        std::process::exit(u8::from(exit).into());
    }));
}

/// Does this in a thread of its own, and waits only for a while: the thread that panicked may hold a lock.
fn within_limit(step: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::sync_channel(1);
    let step = move || {
        step();
        let _ = done.send(());
    };
    if thread::Builder::new().spawn(step).is_ok() {
        let _ = ended.recv_timeout(PATIENCE);
    }
}
