//! The region that a TARGET names.

use crate::cli::Global;
use crate::error::{Error, Result};
use crate::names::target::Target;

/// The options of every command, in the region that the target names, if it names one.
///
/// # Errors
/// [`Error::Usage`] if `--region` names another.
pub(crate) fn in_region(global: &Global, target: Option<&str>) -> Result<Global> {
    let mut global = global.clone();
    let Some(region) = target.and_then(|target| Target::parse(target).region) else {
        return Ok(global);
    };
    // What a variable or a file says contradicts nothing.
    let typed = global
        .region
        .as_deref()
        .filter(|_| global.is_typed("region"));
    if let Some(other) = typed.filter(|other| *other != region) {
        let what = format!("the target names the region {region}, but --region is {other}");
        return Err(Error::Usage(what));
    }
    global.region = Some(region);
    Ok(global)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::config::settings::Source;
    use clap::Parser as _;

    #[test]
    fn the_suffix_beats_all_but_a_contrary_flag() {
        let located = |region: Option<&str>, is_variable: bool, target: &str| {
            let mut global = Cli::parse_from(["axt", "man"]).global;
            global.region = region.map(str::to_owned);
            if is_variable {
                let source = Source::Env("AXT_REGION".into());
                global.sources.insert("region".into(), source);
            }
            in_region(&global, Some(target)).ok()?.region
        };
        let beijing = Some("cn-beijing".to_owned());
        assert_eq!(located(None, false, "i-1.cn-beijing"), beijing);
        assert_eq!(
            located(Some("cn-beijing"), false, "i-1.cn-beijing"),
            beijing
        );
        assert_eq!(located(Some("cn-qingdao"), true, "i-1.cn-beijing"), beijing);
        assert_eq!(located(Some("cn-qingdao"), false, "i-1.cn-beijing"), None);
        assert_eq!(located(Some("cn-beijing"), false, "i-1"), beijing);
    }
}
