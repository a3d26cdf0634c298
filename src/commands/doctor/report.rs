//! The doctor's report: all findings in order, as text or JSON.

use super::finding::{Finding, Fix, Verdict};
use crate::commands::common::table::table;
use crate::json;
use crate::printable::escaped;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// One line of the report.
#[derive(Debug)]
pub(crate) struct ReportRow {
    /// The name of the check.
    pub(crate) name: &'static str,
    /// Its result.
    pub(crate) finding: Finding,
    /// The time that it took.
    pub(crate) took: Duration,
}

/// All findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of the checks.
    pub(crate) rows: Vec<ReportRow>,
}

impl Report {
    /// Adds a finding that took no time.
    pub(crate) fn add(&mut self, name: &'static str, finding: Finding) {
        let took = Duration::ZERO;
        self.rows.push(ReportRow {
            name,
            finding,
            took,
        });
    }

    /// Puts a finding in the place of a check's own.
    pub(crate) fn replace(&mut self, name: &'static str, finding: Finding) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.finding = finding,
            None => self.add(name, finding),
        }
    }

    /// Adds the checks that were not made.
    pub(crate) fn skip_missing(&mut self, expected: impl Iterator<Item = &'static str>) {
        for name in expected {
            if self.rows.iter().all(|row| row.name != name) {
                self.add(name, Finding::skip(tr!("skipped: an earlier step failed")));
            }
        }
    }

    /// True if nothing stops a session.
    pub(crate) fn is_ok(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.finding.verdict != Verdict::Fail)
    }

    /// The first repair that axt can make.
    pub(crate) fn fix(&self) -> Option<Fix> {
        self.rows.iter().find_map(|row| row.finding.fix)
    }

    /// The report as text. For a terminal it is aligned, with each remedy on its own line; otherwise a
    /// line has verdict, name, finding and remedy with tabs in between.
    pub(crate) fn text(&self, terminal: bool) -> String {
        if !terminal {
            let rows: Vec<_> = self.rows.iter().map(ReportRow::cells).collect();
            return table(["VERDICT", "CHECK", "FINDING", "REMEDY"], &rows, false);
        }
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0);
        self.rows.iter().fold(String::new(), |mut text, row| {
            let [verdict, name, finding, remedy] = row.cells();
            // The candidates of an ambiguous target are lines of their own.
            let mut lines = finding.lines().map(escaped);
            let first = lines.next().unwrap_or_default();
            // Writing to a String can't fail.
            let _ = writeln!(text, "{verdict:<4}  {name:<width$}  {first}");
            for line in lines {
                let _ = writeln!(text, "{:<4}  {:<width$}  {line}", "", "");
            }
            let remedy = escaped(&remedy);
            if !remedy.is_empty() {
                let _ = writeln!(text, "{:<4}  {:<width$}  -> {remedy}", "", "");
            }
            text
        })
    }

    /// The report as one JSON object: `ok`, and `checks` with `name`, `verdict`, `finding`, `remedy` (or
    /// null) and `ms`.
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
        json::document(json!({"ok": self.is_ok(), "checks": checks}))
    }
}

impl ReportRow {
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
        skip  agent     skipped: an earlier step failed
        ");
        let stopped = "fail\tinstance\tthe instance is Stopped\tstart the instance\n";
        assert!(report.text(false).contains(stopped));
        assert!(!report.is_ok());
    }
}
