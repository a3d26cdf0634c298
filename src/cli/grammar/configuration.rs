//! The grammar of `axt config`.

use clap::{Args, Subcommand};

/// `axt config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print the settings that hold, for a target or for all
    ///
    /// The configuration file is config.toml in $AXT_CONFIG_DIR, else in ~/.config/axt. Its keys are the
    /// options of the other commands, by their long names; those of a [host."web-*"] block hold for
    /// targets of that name.
    Show(Box<ConfigShow>),
}

/// `axt config show`.
#[derive(Debug, Args)]
pub(crate) struct ConfigShow {
    /// The target, as it would be typed
    #[arg(value_name = "[USER@]TARGET")]
    pub(crate) target: Option<String>,
    /// Tell where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Every option that has a value.
    #[arg(skip)]
    pub(crate) settings: Vec<OptionSetting>,
}

/// An option and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionSetting {
    /// The option's long name.
    pub(crate) name: String,
    /// Its value; several for one that can be repeated.
    pub(crate) values: Vec<String>,
    /// A flag, a variable, a line of the file, or `default`.
    pub(crate) origin: String,
}
