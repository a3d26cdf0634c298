//! `axt completion` and `axt man`, generated from the command tree.

use crate::cli::command;
use crate::exit::Exit;
use crate::ui::Ui;
use clap_complete::Shell;
use std::io;

/// Prints the completion script.
pub(crate) fn completion(shell: Shell, ui: &Ui) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "axt", &mut script);
    ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

/// Prints the manual: the page of `axt`, then one for each command.
pub(crate) fn man(ui: &Ui) -> anyhow::Result<Exit> {
    let mut axt = command();
    axt.build();
    let mut pages = Vec::new();
    render(&axt, "axt", &mut pages)?;
    ui.data(&String::from_utf8_lossy(&pages))?;
    Ok(Exit::Ok)
}

/// The page of a command, then those of its own commands.
fn render(command: &clap::Command, name: &str, pages: &mut Vec<u8>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone().name(name.to_owned()));
    page.render(pages)?;
    let own = command.get_subcommands();
    own.filter(|command| command.get_name() != "help")
        .try_for_each(|command| render(command, &format!("{name}-{}", command.get_name()), pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page() {
        let mut axt = command();
        axt.build();
        let mut pages = Vec::new();
        render(&axt, "axt", &mut pages).unwrap();
        let pages = String::from_utf8(pages).unwrap();
        for name in ["axt", "axt-connect", "axt-sessions-list"] {
            assert!(pages.contains(&format!(".TH {name} 1")), "{name}");
        }
        assert!(!pages.contains("-help 1"));
    }
}
