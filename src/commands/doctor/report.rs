//! What was found, in order, for people and for programs.

use super::finding::{Finding, Fix, Verdict};
use crate::commands::shared::table::{self, table};
use crate::printable::escaped;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was looked at.
    pub(crate) name: &'static str,
    /// What was found.
    pub(crate) finding: Finding,
    /// How long that took.
    pub(crate) took: Duration,
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of the checks.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Adds what was found in no time worth telling.
    pub(crate) fn add(&mut self, name: &'static str, finding: Finding) {
        let took = Duration::ZERO;
        self.rows.push(Row {
            name,
            finding,
            took,
        });
    }

    /// Adds what was expected and is not there yet, as not looked at.
    pub(crate) fn skip_missing(&mut self, expected: impl Iterator<Item = &'static str>) {
        for name in expected {
            if self.rows.iter().all(|row| row.name != name) {
                self.add(
                    name,
                    Finding::skip("not looked at, as something before it fails"),
                );
            }
        }
    }

    /// Whether nothing stops a session.
    pub(crate) fn is_ok(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.finding.verdict != Verdict::Fail)
    }

    /// The first thing that axt can do something about.
    pub(crate) fn fix(&self) -> Option<Fix> {
        self.rows.iter().find_map(|row| row.finding.fix)
    }

    /// For a terminal: aligned, the remedy on a line of its own. Otherwise verdict, name, finding
    /// and remedy with tabs in between.
    pub(crate) fn text(&self, terminal: bool) -> String {
        if !terminal {
            let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
            return table(["VERDICT", "CHECK", "FINDING", "REMEDY"], &rows, false);
        }
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0);
        self.rows.iter().fold(String::new(), |mut text, row| {
            let [verdict, name, finding, remedy] = row.cells().map(|cell| escaped(&cell));
            // Writing to a String can't fail.
            let _ = writeln!(text, "{verdict:<4}  {name:<width$}  {finding}");
            if !remedy.is_empty() {
                let _ = writeln!(text, "{:<4}  {:<width$}  -> {remedy}", "", "");
            }
            text
        })
    }

    /// One object: `ok`, and `checks` with `name`, `verdict`, `finding`, `remedy` (or null) and `ms`.
    ///
    /// # Errors
    /// None in fact: serde_json writes any of this.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let checks = self.rows.iter().map(|row| {
            json!({
                "name": row.name,
                "verdict": verdict(row.finding.verdict),
                "finding": row.finding.text,
                "remedy": row.finding.remedy,
                "ms": u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX),
            })
        });
        let checks: Vec<_> = checks.collect();
        table::json(&json!({"ok": self.is_ok(), "checks": checks}))
    }
}

impl Row {
    fn cells(&self) -> [String; 4] {
        let Finding { text, remedy, .. } = &self.finding;
        [
            verdict(self.finding.verdict).to_owned(),
            self.name.to_owned(),
            text.clone(),
            remedy.clone().unwrap_or_default(),
        ]
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Skip => "skip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_columns_and_programs_tabs() {
        let mut report = Report::default();
        report.add("region", Finding::ok("cn-杭州\x1b[2J"));
        report.add(
            "instance",
            Finding::fail("the instance is Stopped", "start the instance"),
        );
        report.skip_missing(["region", "agent"].into_iter());
        insta::assert_snapshot!(report.text(true), @r"
        ok    region    cn-杭州\u{1b}[2J
        fail  instance  the instance is Stopped
                        -> start the instance
        skip  agent     not looked at, as something before it fails
        ");
        let stopped = "fail\tinstance\tthe instance is Stopped\tstart the instance\n";
        assert!(report.text(false).contains(stopped));
        assert!(!report.is_ok());
    }
}
