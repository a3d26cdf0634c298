//! Tables and JSON: aligned for people, plain for programs, and without control characters.

use crate::printable::escaped;
use crate::terminal::{self, Size};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// The columns that are left of a cell before cells are left out.
const LEAST: usize = 10;

/// The terminal's width, if standard output is one.
#[must_use]
pub(crate) fn columns() -> Option<usize> {
    let size = Size::current().unwrap_or_default();
    terminal::stdout_is_terminal().then_some(size.cols.into())
}

/// Formats a table. For a terminal it has a header and aligned columns, where `-` is an empty cell;
/// otherwise a row is a line of cells with tabs in between.
#[must_use]
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    terminal: bool,
) -> String {
    if terminal {
        return fitted(header, rows, &[], usize::MAX);
    }
    let cells = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| escaped(cell)));
    cells.map(|row| row.join("\t") + "\n").collect()
}

/// Formats a table for a terminal of so many columns: what is too wide is cut, the widest cells first, but
/// never those of the `whole` columns. Where cutting is not enough, the last columns are left out.
#[must_use]
pub(crate) fn fitted<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    whole: &[&str],
    columns: usize,
) -> String {
    let or_dash = |cell: &String| match cell.is_empty() {
        true => "-".to_owned(),
        false => escaped(cell),
    };
    let cells = rows.iter().map(|row| row.each_ref().map(or_dash));
    let mut rows: Vec<_> = std::iter::once(header.map(str::to_owned))
        .chain(cells)
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let mut least = widths.map(|width| width.min(LEAST));
    for (at, least) in least.iter_mut().enumerate() {
        let uncut = if whole.contains(&header[at]) {
            widths[at]
        } else {
            header[at].width()
        };
        *least = uncut.max(*least);
    }
    let fits = |widths: &[usize]| {
        // Two columns are between two cells.
        let all = widths
            .iter()
            .fold(0_usize, |all, width| all.saturating_add(width + 2));
        all.saturating_sub(2) <= columns
    };
    let shown = (1..=N).rev().find(|count| fits(&least[..*count]));
    let shown = shown.unwrap_or(1);
    while !fits(&widths[..shown]) {
        let spare = widths[..shown].iter_mut().zip(least);
        let spare = spare.filter(|(width, least)| **width > *least);
        let Some((widest, _)) = spare.max_by_key(|(width, _)| **width) else {
            break;
        };
        *widest -= 1;
    }
    let lines = rows.iter_mut().map(|row| {
        for (cell, width) in row.iter_mut().zip(widths) {
            cut(cell, width);
        }
        line(&row[..shown], &widths)
    });
    lines.collect()
}

/// Cuts a cell to this width, with `…` in place of the rest.
pub(crate) fn cut(cell: &mut String, width: usize) {
    if UnicodeWidthStr::width(cell.as_str()) <= width {
        return;
    }
    let (mut end, mut used) = (0, 0);
    for (at, c) in cell.char_indices() {
        used += c.width().unwrap_or_default();
        if used >= width {
            break;
        }
        end = at + c.len_utf8();
    }
    cell.truncate(end);
    cell.push('…');
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::{UnicodeWidthStr as _, fitted, table};

    fn rows() -> Vec<[String; 3]> {
        vec![
            ["s-1".into(), "张三".into(), "x\x1b[2J\ty".into()],
            ["s-22".into(), String::new(), "z".into()],
        ]
    }

    #[test]
    fn columns_line_up_whatever_their_characters_width() {
        insta::assert_snapshot!(table(["ID", "USER", "NOTE"], &rows(), true), @r"
        ID    USER  NOTE
        s-1   张三  x\u{1b}[2J\ty
        s-22  -     z
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_cells_and_whole_ids() {
        let rows = [
            [
                "i-bp1example".into(),
                "一个很长的名字".into(),
                "env=production,team=a".into(),
            ],
            ["i-2".into(), "web".into(), String::new()],
        ];
        insta::assert_snapshot!(fitted(["ID", "NAME", "TAGS"], &rows, &["ID"], 36), @r"
        ID            NAME        TAGS
        i-bp1example  一个很长…   env=produ…
        i-2           web         -
        ");
        for columns in 0..60 {
            let text = fitted(["ID", "NAME", "TAGS"], &rows, &["ID"], columns);
            assert!(text.contains("i-bp1example"), "{text}");
            let fits = |line: &str| line.width() <= columns.max(12);
            assert!(text.lines().all(fits), "{columns}: {text}");
        }
        insta::assert_snapshot!(fitted(["ID", "NAME", "TAGS"], &rows, &["ID"], 35), @r"
        ID            NAME
        i-bp1example  一个很长的名字
        i-2           web
        ");
        assert_eq!(
            fitted(["ID", "NAME", "TAGS"], &rows, &["ID"], 99),
            table(["ID", "NAME", "TAGS"], &rows, true)
        );
    }

    #[test]
    fn programs_get_tabs_and_nothing_else() {
        let text = table(["ID", "USER", "NOTE"], &rows(), false);
        assert_eq!(text, "s-1\t张三\tx\\u{1b}[2J\\ty\ns-22\t\tz\n");
    }
}
