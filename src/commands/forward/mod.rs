//! `axt forward`: local TCP ports that lead to an instance.

use crate::cli::{Forward, Global};
use crate::exit::Exit;
use crate::ui::Ui;

/// Runs `axt forward`.
pub async fn run(_global: &Global, _args: Forward, _ui: &Ui) -> anyhow::Result<Exit> {
    Ok(Exit::Failed)
}
