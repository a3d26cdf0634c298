//! `axt share`: the processes that hold sessions for later commands.

mod hold;
mod holder;
mod places;
mod serve;
mod status;

use crate::cli::Share;
use crate::exit::Exit;
use crate::ui::Ui;

/// Runs `axt share`.
pub(crate) async fn run(command: Share, ui: &Ui) -> anyhow::Result<Exit> {
    match command {
        Share::Status(args) => status::list(&args, ui).await,
        Share::Stop(args) => status::stop(&args, ui).await,
        Share::Hold => hold::run().await,
    }
}
