//! Modes and times of copies.

use jiff::Timestamp;

/// The mode of a new file: the source's as it is, or what the umask leaves of it.
#[must_use]
pub(crate) fn mode_for_new(source: u32, umask: u32, preserve: bool) -> u32 {
    match preserve {
        true => source & 0o7777,
        false => source & 0o777 & !umask,
    }
}

/// A time in seconds since 1970 as touch(1) takes it in UTC: `CCYYMMDDhhmm.SS`. Empty for one that it
/// can't take.
#[must_use]
pub(crate) fn touch_time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).ok();
    let time = time.filter(|_| (0..253_402_300_800).contains(&seconds));
    time.map_or_else(String::new, |time| {
        time.strftime("%Y%m%d%H%M.%S").to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_no_more_open_than_its_source() {
        assert_eq!(mode_for_new(0o100_755, 0o022, false), 0o755);
        assert_eq!(mode_for_new(0o100_600, 0o022, false), 0o600);
        assert_eq!(mode_for_new(0o104_777, 0o027, false), 0o750);
        assert_eq!(mode_for_new(0o104_777, 0o027, true), 0o4777);
    }

    #[test]
    fn times_are_written_for_touch() {
        assert_eq!(touch_time(0), "197001010000.00");
        assert_eq!(touch_time(1_700_000_000), "202311142213.20");
        assert_eq!(touch_time(-1), "");
        assert_eq!(touch_time(i64::MAX), "");
    }
}
