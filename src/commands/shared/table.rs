//! Tables and JSON: aligned for people, plain for programs, and without control characters.

use crate::printable::{escaped, is_invisible};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// The columns that are left of a cell however narrow the terminal is.
const LEAST: usize = 6;

/// Formats a table. For a terminal it has a header and aligned columns, where `-` is an empty cell;
/// otherwise a row is a line of cells with tabs in between.
#[must_use]
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    terminal: bool,
) -> String {
    let cells = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| escaped(cell)));
    if !terminal {
        return cells.map(|row| row.join("\t") + "\n").collect();
    }
    let or_dash = |cell: String| if cell.is_empty() { "-".into() } else { cell };
    let shown = std::iter::once(header.map(str::to_owned));
    let shown: Vec<_> = shown.chain(cells.map(|row| row.map(or_dash))).collect();
    let mut widths = [0; N];
    for row in &shown {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    shown.iter().map(|row| line(row, &widths)).collect()
}

/// Formats a table for a terminal of so many columns: what is too wide is cut, the widest cells first, but
/// never the first column, by which the others are told apart.
#[must_use]
pub(crate) fn fitted<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    columns: usize,
) -> String {
    let mut widths = header.map(UnicodeWidthStr::width);
    let least = widths.map(|width| width.max(LEAST));
    let mut rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| escaped(cell)))
        .collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    // Two columns stand between two cells.
    while widths.iter().sum::<usize>() + 2 * N.saturating_sub(1) > columns {
        let spare = widths.iter_mut().zip(least).skip(1);
        let spare = spare.filter(|(width, least)| **width > *least);
        let Some((widest, _)) = spare.max_by_key(|(width, _)| **width) else {
            break;
        };
        *widest -= 1;
    }
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(widths) {
            cut(cell, width);
        }
    }
    table(header, &rows, true)
}

/// Cuts a cell to this width, with `…` in place of the rest.
fn cut(cell: &mut String, width: usize) {
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

/// Formats a value as indented JSON with a newline after it. Invisible characters that JSON allows in a text
/// are escaped too.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // They stand inside of strings, except for the newlines of the indentation.
        if is_invisible(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    Ok(safe)
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
    use super::{UnicodeWidthStr as _, fitted, is_invisible, json, table};

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
        insta::assert_snapshot!(fitted(["ID", "NAME", "TAGS"], &rows, 36), @r"
        ID            NAME       TAGS
        i-bp1example  一个很长…  env=produ…
        i-2           web        -
        ");
        for columns in 0..60 {
            let text = fitted(["ID", "NAME", "TAGS"], &rows, columns);
            assert!(text.contains("i-bp1example"), "{text}");
            let fits = |line: &str| line.width() <= columns.max(28);
            assert!(text.lines().all(fits), "{columns}: {text}");
        }
        assert_eq!(
            fitted(["ID", "NAME", "TAGS"], &rows, 99),
            table(["ID", "NAME", "TAGS"], &rows, true)
        );
    }

    #[test]
    fn programs_get_tabs_and_nothing_else() {
        let text = table(["ID", "USER", "NOTE"], &rows(), false);
        assert_eq!(text, "s-1\t张三\tx\\u{1b}[2J\\ty\ns-22\t\tz\n");
    }

    #[test]
    fn json_is_escaped_to_the_last_invisible_character() {
        let value = serde_json::json!({"text": "a\u{9b}2J\u{7f}\n\x1b\u{202e}\u{e0041}"});
        let text = json(&value).unwrap();
        assert!(
            text.chars().all(|c| c == '\n' || !is_invisible(c)),
            "{text:?}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
