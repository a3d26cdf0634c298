//! The progress of a copy: a line on the terminal while it goes on.

use crate::commands::common::table::cut;
use crate::terminal::{Size, stderr_is_terminal};
use crate::ui::Ui;
use jiff::SignedDuration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, interval};
use unicode_width::UnicodeWidthStr as _;

/// The interval at which the line is drawn.
const TICK: Duration = Duration::from_secs(1);

/// The rate is that of so many of the last ticks.
const TICKS: usize = 8;

/// Begins the line again.
const CLEAR: &str = "\r\x1b[K";

/// The beginning of the line.
const PREFIX: &str = "axt: ";

/// Counts bytes. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<ByteCounts>);

#[derive(Debug, Default)]
struct ByteCounts {
    /// Bytes that were copied.
    moved: AtomicU64,
    /// Bytes that are to be copied, as far as that is known.
    total: AtomicU64,
    /// The files that come count in the total already.
    is_counted: AtomicBool,
    /// More is to be copied whose size is not known yet.
    is_open: AtomicBool,
    drawn: AtomicBool,
}

impl Meter {
    /// Counts bytes that were copied.
    pub(super) fn moved(&self, bytes: usize) {
        self.0.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that are to be copied.
    pub(super) fn expect(&self, bytes: u64) {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The files that come have so many bytes, all together.
    pub(super) fn expect_all(&self, bytes: u64) {
        self.expect(bytes);
        self.0.is_counted.store(true, Ordering::Relaxed);
    }

    /// Counts the bytes of a file of this size that are left to be copied.
    pub(super) fn settle(&self, size: u64, left: u64) {
        if !self.0.is_counted.load(Ordering::Relaxed) {
            return self.expect(left);
        }
        // A file may have another size by now than it had when all were counted.
        let less = |total: u64| Some(total.saturating_sub(size - left));
        let total = &self.0.total;
        let _ = total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Another source begins, which may be the last one.
    pub(super) fn begin(&self, is_last: bool) {
        self.0.is_counted.store(false, Ordering::Relaxed);
        self.0.is_open.store(!is_last, Ordering::Relaxed);
    }

    /// The bytes that are to be copied in all; 0 if that is not known yet.
    fn total(&self) -> u64 {
        match self.0.is_open.load(Ordering::Relaxed) {
            true => 0,
            false => self.0.total.load(Ordering::Relaxed),
        }
    }

    /// Draws the line again and again, where there is a terminal to draw on. `limit` is the rate that can't be
    /// exceeded on the line, in bytes per second.
    pub(super) async fn draw(&self, ui: &Ui, limit: u64) {
        if ui.is_quiet() || !stderr_is_terminal() {
            return std::future::pending().await;
        }
        let meter = self.clone();
        let clears = ui.clone();
        // A message takes the line's place. It goes the usual way.
        ui.draw_by(Some(Box::new(move |_| {
            meter.clear(&clears);
            false
        })));
        let mut seen = VecDeque::new();
        let mut ticks = interval(TICK);
        loop {
            ticks.tick().await;
            let moved = self.0.moved.load(Ordering::Relaxed);
            seen.push_back((Instant::now(), moved));
            if seen.len() > TICKS {
                seen.pop_front();
            }
            let Some((since, before)) = seen.front().copied().filter(|_| moved > 0) else {
                continue;
            };
            let rate = rate(moved - before, since.elapsed());
            let total = self.total();
            self.0.drawn.store(true, Ordering::Relaxed);
            // A line that is too wide would go on in the next one, where it is not cleared.
            let columns = Size::current().map_or(80, |size| usize::from(size.cols));
            let room = columns.saturating_sub(PREFIX.len() + 1);
            let line = line((moved, total), (rate, limit), room);
            ui.paint(&format!("{CLEAR}{PREFIX}{line}"));
        }
    }

    /// Removes the line.
    pub(super) fn clear(&self, ui: &Ui) {
        if self.0.drawn.swap(false, Ordering::Relaxed) {
            ui.paint(CLEAR);
        }
    }
}

fn rate(bytes: u64, span: Duration) -> u64 {
    let millis = span.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX)
}

/// The line: bytes, rate against the limit, time left; less of it where there is less room.
fn line((moved, total): (u64, u64), (rate, limit): (u64, u64), columns: usize) -> String {
    let of = match total {
        0 => String::new(),
        total => tr!(" of {total}", total = amount(total)),
    };
    let left = total.saturating_sub(moved).checked_div(rate);
    let left = left.and_then(|left| i64::try_from(left).ok());
    let left = left.filter(|_| total > 0).map(|seconds| {
        let left = format!("{:#}", SignedDuration::from_secs(seconds));
        tr!(", {left} left", left)
    });
    let left = left.unwrap_or_default();
    let (moved, rate, limit) = (amount(moved), amount(rate), amount(limit));
    let mut line = tr!(
        "{moved}{of}, {rate}/s (limit {limit}/s){left}",
        moved,
        of,
        rate,
        limit,
        left
    );
    for shorter in [
        format!("{moved}{of}, {rate}/s{left}"),
        format!("{moved}, {rate}/s{left}"),
    ] {
        if line.width() > columns {
            line = shorter;
        }
    }
    cut(&mut line, columns);
    line
}

/// A number of bytes for people.
fn amount(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in units {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_told_when_it_is_known() {
        let meter = Meter::default();
        meter.begin(false);
        meter.settle(10, 7);
        assert_eq!(meter.total(), 0);
        meter.begin(true);
        meter.expect_all(100);
        meter.settle(30, 0);
        meter.settle(20, 15);
        assert_eq!(meter.total(), 7 + 65);
    }

    #[test]
    fn the_line_tells_bytes_rate_and_time() {
        let line =
            |moved, total, rate, limit, columns| line((moved, total), (rate, limit), columns);
        let (half, of) = (5 << 20, 20 << 20);
        for (columns, text) in [
            (
                80,
                "5.0 MiB of 20.0 MiB, 146.4 KiB/s (limit 195.3 KiB/s), 1m 44s left",
            ),
            (64, "5.0 MiB of 20.0 MiB, 146.4 KiB/s, 1m 44s left"),
            (34, "5.0 MiB, 146.4 KiB/s, 1m 44s left"),
            (20, "5.0 MiB, 146.4 KiB/…"),
            (0, "…"),
        ] {
            assert_eq!(line(half, of, 150_000, 200_000, columns), text);
        }
        let unknown = line(12, 0, 12, 200_000, 80);
        assert_eq!(unknown, "12 B, 12 B/s (limit 195.3 KiB/s)");
        let unmoved = line(1, 2, 0, 1, 80);
        assert_eq!(unmoved, "1 B of 2 B, 0 B/s (limit 1 B/s)");
        assert_eq!(amount(u64::MAX), "15.9 EiB");
    }
}
