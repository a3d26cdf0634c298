//! The table that a benchmark prints.

/// Prints the head of the table.
pub(crate) fn head() {
    println!(
        "{:<34} {:>12} {:>12} {:>8} {:>12}  ok",
        "what", "axt", "floor", "ratio", "budget"
    );
}

/// Prints a line whose ratio has a budget.
pub(crate) fn ratio(what: &str, axt: f64, floor: f64, unit: &str, budget: f64) {
    let ratio = axt / floor;
    let verdict = verdict(ratio <= budget);
    println!(
        "{what:<34} {:>12} {:>12} {ratio:>7.2}x {:>12}  {verdict}",
        format!("{axt:.1} {unit}"),
        format!("{floor:.1} {unit}"),
        format!("{budget:.2}x"),
    );
}

/// Prints a line with a budget of its own; `over` is what of `axt` counts against it.
pub(crate) fn absolute(
    what: &str,
    axt: f64,
    floor: Option<f64>,
    over: f64,
    unit: &str,
    budget: f64,
) {
    let verdict = verdict(over <= budget);
    println!(
        "{what:<34} {:>12} {:>12} {:>8} {:>12}  {verdict}",
        format!("{axt:.1} {unit}"),
        floor.map_or("-".into(), |floor| format!("{floor:.1} {unit}")),
        floor.map_or("-".into(), |floor| format!("{:.2}x", axt / floor)),
        format!("{budget:.1} {unit}"),
    );
}

/// Prints a line for comparison, without a budget.
pub(crate) fn compared(what: &str, other: f64, unit: &str) {
    println!("{what:<34} {:>12}", format!("{other:.1} {unit}"));
}

fn verdict(holds: bool) -> &'static str {
    if holds { "yes" } else { "NO" }
}
