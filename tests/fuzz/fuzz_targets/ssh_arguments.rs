//! Any arguments and any configuration file are read or refused; what comes after `--` stays as it is.
#![no_main]

use axt::cli::ssh::{Files, SshRequest, Task, request};
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

/// One configuration file by any name, which may include itself.
struct OneFile<'a>(&'a [u8]);

impl Files for OneFile<'_> {
    fn read(&self, _path: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }

    fn included(&self, pattern: &str) -> Vec<String> {
        vec![pattern.to_owned()]
    }
}

// Lines are arguments; what follows a NUL is the file.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let lines = parts.next().unwrap_or_default().split(|byte| *byte == b'\n');
    let mut args: Vec<OsString> = lines.map(|line| OsString::from_vec(line.to_vec())).collect();
    let files = OneFile(parts.next().unwrap_or_default());
    let _ = request(args.clone(), &files);
    args.splice(0..0, ["-oSessionType=default", "i-1", "--", "word"].map(OsString::from));
    let expected = args.get(3..).unwrap_or_default().join(" ".as_ref());
    match request(args, &files) {
        Ok(SshRequest::Run(plan)) => assert_eq!(plan.task, Task::Command(expected)),
        other => panic!("{other:?}"),
    }
});
