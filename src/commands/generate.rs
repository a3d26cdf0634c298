//! `axt completion` and `axt man`: made from the command tree itself.

use crate::cli::Cli;
use crate::exit::Exit;
use crate::ui::Ui;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the completion script.
pub fn completion(shell: Shell, ui: &Ui) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "axt", &mut script);
    ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

/// Prints the manual: the page of `axt`, then one for each command.
pub fn man(ui: &Ui) -> anyhow::Result<Exit> {
    let mut axt = Cli::command();
    axt.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(axt.clone()).render(&mut page)?;
    for command in axt.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = format!("axt-{}", command.get_name());
        let command = command.clone().name(name);
        clap_mangen::Man::new(command).render(&mut page)?;
    }
    ui.data(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Ok)
}
