//! A second way to a terminal or pipe that this process has open, which never blocks.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;

/// Opens what is behind `fd` with a mode of its own: others who share `fd` do not see that it never blocks.
/// Not for files, whose position would be another one. `None` without /proc, or on a terminal that belongs to
/// another user.
pub(super) fn reopen(fd: impl AsFd, options: &mut OpenOptions) -> Option<File> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .ok()
}
