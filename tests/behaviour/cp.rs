//! `axt cp`: files to an instance and from one, verified and resumable.

use crate::support::axt::{Cloud, Done, finish, noise, run, unlimited, until};
use crate::support::screen::Screen;
use axt::emulator::Cut;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// An emulator, and a folder for the files of both sides.
struct Copies {
    cloud: Cloud,
    dir: TempDir,
}

impl Copies {
    fn new() -> Self {
        Self::over(Cloud::unlimited())
    }

    fn over(cloud: Cloud) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["here", "there"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Self { cloud, dir }
    }

    fn here(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.path().join("here").join(name.as_ref())
    }

    fn there(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.path().join("there").join(name.as_ref())
    }

    /// A path of the instance as an argument.
    fn at(&self, name: impl AsRef<OsStr>) -> OsString {
        let mut arg = OsString::from("i-test:");
        arg.push(self.there(name));
        arg
    }

    fn axt<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = self.cloud.axt(["cp"]);
        command.args(args);
        command.env("XDG_STATE_HOME", self.dir.path().join("state"));
        command
    }

    fn cp<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Done {
        run(self.axt(args), b"")
    }

    /// Copies, which must succeed without a word.
    fn copies<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) {
        let done = self.cp(args);
        assert_eq!((done.status, &*done.stderr), (0, ""), "{done:?}");
    }

    fn starts<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Child {
        let mut axt = self.axt(args);
        axt.stdin(Stdio::null());
        axt.stdout(Stdio::piped()).stderr(Stdio::piped());
        axt.spawn().unwrap()
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn size(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |data| data.len())
}

#[test]
fn a_file_goes_there_and_back() {
    let copies = Copies::new();
    let bytes = noise(300_000, 1);
    fs::write(copies.here("a"), &bytes).unwrap();
    copies.copies([copies.here("a").as_os_str(), &copies.at("b")]);
    assert_eq!(fs::read(copies.there("b")).unwrap(), bytes);
    copies.copies([copies.at("b").as_os_str(), copies.here("c").as_os_str()]);
    assert_eq!(fs::read(copies.here("c")).unwrap(), bytes);
    // Into a directory, by its own name.
    copies.copies([copies.here("a").as_os_str(), &copies.at("")]);
    copies.copies([copies.at("b").as_os_str(), copies.here("").as_os_str()]);
    assert_eq!(names(&copies.here("")), ["a", "b", "c"]);
    assert_eq!(names(&copies.there("")), ["a", "b"]);
    copies.cloud.assert_all_ended();
}

#[test]
fn every_byte_goes_in_names_and_contents() {
    let copies = Copies::new();
    let all: Vec<u8> = (0..=255).collect();
    let contents = all.repeat(3);
    let names = [
        OsString::from_vec((1..=255).filter(|byte| *byte != b'/').take(120).collect()),
        OsString::from_vec((1..=255).filter(|byte| *byte != b'/').skip(120).collect()),
        OsString::from("-rf"),
        OsString::from("a\nb\n"),
        OsString::from("$(id) `id` 'x' \"y\" \\"),
    ];
    for name in &names {
        fs::write(copies.here(name), &contents).unwrap();
        copies.copies([copies.here(name).as_os_str(), &copies.at(name)]);
        assert_eq!(fs::read(copies.there(name)).unwrap(), contents);
        fs::remove_file(copies.here(name)).unwrap();
        copies.copies([copies.at(name).as_os_str(), copies.here(name).as_os_str()]);
        assert_eq!(fs::read(copies.here(name)).unwrap(), contents);
    }
}

#[test]
fn standard_input_and_output_are_files_too() {
    let copies = Copies::new();
    let bytes = noise(200_001, 2);
    let done = run(copies.axt([OsStr::new("-"), &copies.at("f")]), &bytes);
    assert_eq!((done.status, &*done.stderr), (0, ""));
    assert_eq!(fs::read(copies.there("f")).unwrap(), bytes);
    let done = copies.cp([copies.at("f").as_os_str(), OsStr::new("-")]);
    assert!(done.status == 0 && done.stdout == bytes, "{}", done.stderr);
    assert_eq!(names(&copies.there("")), ["f"]);
    let done = run(copies.axt([OsStr::new("-"), &copies.at("")]), b"x");
    assert_eq!(done.status, 1);
    assert!(done.stderr.contains("-: there is a directory"), "{done:?}");
}

#[test]
fn empty_files_and_whole_blocks_go_too() {
    let copies = Copies::new();
    for (name, length) in [("0", 0), ("1", 1), ("2", 65_536), ("3", 131_072)] {
        let bytes = noise(length, 3);
        fs::write(copies.here(name), &bytes).unwrap();
        copies.copies([copies.here(name).as_os_str(), &copies.at("")]);
        assert!(fs::read(copies.there(name)).unwrap() == bytes);
        fs::remove_file(copies.here(name)).unwrap();
        copies.copies([copies.at(name).as_os_str(), copies.here("").as_os_str()]);
        assert!(fs::read(copies.here(name)).unwrap() == bytes);
    }
}

#[test]
fn what_is_the_same_is_left_alone() {
    let copies = Copies::new();
    fs::write(copies.here("a"), "same").unwrap();
    fs::write(copies.there("a"), "same").unwrap();
    let before = (
        fs::metadata(copies.there("a")).unwrap().modified().unwrap(),
        fs::metadata(copies.here("a")).unwrap().modified().unwrap(),
    );
    // What an interrupted copy left behind is of no use then.
    fs::write(copies.there("a.axt-part"), "sa").unwrap();
    copies.copies([copies.here("a").as_os_str(), &copies.at("a")]);
    copies.copies([copies.at("a").as_os_str(), copies.here("a").as_os_str()]);
    assert_eq!(names(&copies.there("")), ["a"]);
    let after = (
        fs::metadata(copies.there("a")).unwrap().modified().unwrap(),
        fs::metadata(copies.here("a")).unwrap().modified().unwrap(),
    );
    assert_eq!(before, after);
    // The size alone says nothing.
    fs::write(copies.here("a"), "diff").unwrap();
    copies.copies([copies.here("a").as_os_str(), &copies.at("a")]);
    assert_eq!(fs::read(copies.there("a")).unwrap(), b"diff");
}

#[test]
fn modes_and_times_are_kept_if_asked() {
    let copies = Copies::new();
    let (here, there) = (copies.here("a"), copies.there("a"));
    fs::write(&here, "x").unwrap();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o750)).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options()
        .append(true)
        .open(&here)
        .unwrap()
        .set_modified(time)
        .unwrap();
    copies.copies([here.as_os_str(), &copies.at("a")]);
    // A new file has its source's mode as far as the umask lets it; its time is its own.
    assert_eq!(mode(&there) & 0o700, 0o700);
    assert_eq!(mode(&there) & 0o7, 0);
    assert_ne!(fs::metadata(&there).unwrap().modified().unwrap(), time);
    fs::set_permissions(&there, fs::Permissions::from_mode(0o604)).unwrap();
    fs::write(&here, "y").unwrap();
    copies.copies([here.as_os_str(), &copies.at("a")]);
    // A file that is replaced keeps its mode.
    assert_eq!(mode(&there), 0o604);
    fs::File::options()
        .append(true)
        .open(&here)
        .unwrap()
        .set_modified(time)
        .unwrap();
    // The content is the same already.
    copies.copies([OsStr::new("-p"), here.as_os_str(), &copies.at("a")]);
    assert_eq!(
        (
            mode(&there),
            fs::metadata(&there).unwrap().modified().unwrap()
        ),
        (0o750, time)
    );
    fs::remove_file(&here).unwrap();
    copies.copies([OsStr::new("-p"), &copies.at("a"), here.as_os_str()]);
    assert_eq!(
        (
            mode(&here),
            fs::metadata(&here).unwrap().modified().unwrap()
        ),
        (0o750, time)
    );
}

#[test]
fn what_can_not_be_copied_is_named_and_the_rest_is_copied() {
    let copies = Copies::new();
    fs::write(copies.here("a"), "a").unwrap();
    fs::create_dir(copies.here("dir")).unwrap();
    fs::create_dir(copies.there("a")).unwrap();
    let to = copies.at("");
    let args = [copies.here("dir"), copies.here("gone"), copies.here("a")];
    let mut args: Vec<_> = args.iter().map(|path| path.as_os_str()).collect();
    args.push(&to);
    let done = copies.cp(&args);
    assert_eq!(done.status, 1, "{done:?}");
    for (name, why) in [
        ("dir", "Is a directory"),
        ("gone", "No such file"),
        ("a", "there is a directory of this name"),
    ] {
        let line = format!("{}: {why}", copies.here(name).display());
        assert!(done.stderr.contains(&line), "{line} in {}", done.stderr);
    }
    assert_eq!(done.stderr.lines().count(), 3, "{}", done.stderr);
    for (from, why) in [("gone", "No such file"), ("", "Is a directory")] {
        let done = copies.cp([copies.at(from).as_os_str(), copies.here("x").as_os_str()]);
        assert!(done.status == 1 && done.stderr.contains(why), "{done:?}");
    }
    assert_eq!(names(&copies.here("")), ["a", "dir"]);
    assert_eq!(names(&copies.there("")), ["a"]);
    // Where the directory is not there.
    let done = copies.cp([copies.here("a").as_os_str(), &copies.at("no/x")]);
    assert!(
        done.status == 1 && done.stderr.contains("there/no: no such directory"),
        "{done:?}"
    );
    // The scripts' own reasons are in the user's language too.
    let mut axt = copies.axt([copies.here("a").as_os_str(), &copies.at("no/x")]);
    axt.env("AXT_LANG", "zh");
    let done = run(axt, b"");
    assert!(done.stderr.contains("there/no：没有该目录"), "{done:?}");
    let done = copies.cp([copies.here("a").as_os_str(), &copies.at("no/")]);
    assert!(
        done.status == 1 && done.stderr.contains("no such directory"),
        "{done:?}"
    );
}

#[test]
fn usage_errors_end_with_255() {
    for (args, said) in [
        (&["a", "b"][..], "TARGET:PATH"),
        (&["i-1:a", "i-2:b"], "through this machine"),
        (&["i-1:a"], "usage"),
        (&["--bogus"], "--bogus"),
    ] {
        let done = run(crate::support::axt::axt(["cp"].iter().chain(args)), b"");
        assert_eq!(done.status, 255, "{done:?}");
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
}

#[test]
fn parts_follow_no_link_and_links_are_replaced() {
    let copies = Copies::new();
    let bytes = noise(100_000, 4);
    fs::write(copies.here("a"), &bytes).unwrap();
    fs::write(copies.there("precious"), "precious").unwrap();
    for aim in ["precious", "missing", "/dev/null"] {
        symlink(aim, copies.there("a.axt-part")).unwrap();
        let _ = fs::remove_file(copies.there("a"));
        if !aim.starts_with('/') {
            symlink(aim, copies.there("a")).unwrap();
        }
        copies.copies([copies.here("a").as_os_str(), &copies.at("a")]);
        assert!(fs::symlink_metadata(copies.there("a")).unwrap().is_file());
        assert!(fs::read(copies.there("a")).unwrap() == bytes);
    }
    assert_eq!(names(&copies.there("")), ["a", "precious"]);
    assert_eq!(fs::read(copies.there("precious")).unwrap(), b"precious");
    symlink("b", copies.here("b.axt-part")).unwrap();
    let done = copies.cp([copies.at("a").as_os_str(), copies.here("b").as_os_str()]);
    assert!(
        done.status == 1 && done.stderr.contains("axt-part"),
        "{done:?}"
    );
    assert!(!copies.here("b").exists());
}

/// Kills copies in their midst until one is through: how many were killed.
fn kills(copies: &Copies, args: &[&OsStr], part: &Path, length: u64, target: &Path) -> usize {
    let mut random = fastrand::Rng::with_seed(length);
    let mut killed = 0;
    for _ in 0..10 {
        let before = size(part);
        let mut child = copies.starts(args);
        let wanted = before + random.u64(1..length / 20);
        until("some of it has come", || {
            size(part) >= wanted.min(length - 1) || child.try_wait().unwrap().is_some()
        });
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!target.exists() || size(target) == length);
    }
    let done = finish(copies.starts(args));
    assert_eq!((done.status, &*done.stderr), (0, ""), "{done:?}");
    killed
}

#[test]
fn a_copy_goes_on_where_a_killed_one_stopped() {
    kill_copies(3_000_000);
}

#[test]
#[ignore = "moves 20 MB each way, and is killed ten times"]
fn ten_kills_in_twenty_megabytes_cost_nothing() {
    kill_copies(20_000_000);
}

fn kill_copies(length: usize) {
    let copies = Copies::over(steady());
    let bytes = noise(length, 5);
    fs::write(copies.here("a"), &bytes).unwrap();
    let to = copies.at("a");
    let args = [copies.here("a"), to.clone().into()];
    let args = args.each_ref().map(|arg| arg.as_os_str());
    let part = copies.there("a.axt-part");
    let length = length as u64;
    let killed = kills(&copies, &args, &part, length, &copies.there("a"));
    assert!(killed >= 5, "{killed}");
    assert!(fs::read(copies.there("a")).unwrap() == bytes);
    assert_eq!(names(&copies.there("")), ["a"]);
    let back = copies.here("b");
    let args = [to.as_os_str(), back.as_os_str()];
    let killed = kills(&copies, &args, &copies.here("b.axt-part"), length, &back);
    assert!(killed >= 5, "{killed}");
    assert!(fs::read(back).unwrap() == bytes);
    assert_eq!(names(&copies.here("")), ["a", "b"]);
}

/// An emulator that is fast, but slow enough for a copy to be met in its midst.
fn steady() -> Cloud {
    let mut options = unlimited();
    for limit in ["stream-bits", "output-bits"] {
        options.limits.set(limit, "16000000").unwrap();
    }
    Cloud::with(options)
}

/// Cuts all connections again and again, at random places, while a file is copied.
fn cuts(copies: &Copies, args: &[&OsStr], part: &Path, length: u64, count: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(length);
    let mut child = copies.starts(args);
    let mut done = 0;
    for _ in 0..count {
        let wanted = size(part) + random.u64(1..length / count);
        until("some of it has come", || {
            size(part) >= wanted || child.try_wait().unwrap().is_some()
        });
        done += u64::from(child.try_wait().unwrap().is_none());
        copies.cloud.emulator.cut_connections(Cut::Reset);
    }
    let ended = finish(child);
    assert_eq!((ended.status, &*ended.stderr), (0, ""), "{ended:?}");
    done
}

#[test]
fn cuts_of_the_connection_cost_nothing() {
    cut_copies(1_000_000, 5);
}

#[test]
#[ignore = "moves 20 MB each way over a connection that is cut again and again"]
fn thirty_cuts_in_twenty_megabytes_cost_nothing() {
    cut_copies(20_000_000, 30);
}

fn cut_copies(length: usize, count: u64) {
    let copies = Copies::over(steady());
    let bytes = noise(length, 6);
    fs::write(copies.here("a"), &bytes).unwrap();
    let (here, there, back) = (copies.here("a"), copies.at("b"), copies.here("c"));
    let length = length as u64;
    let up = [here.as_os_str(), &there];
    assert!(cuts(&copies, &up, &copies.there("b.axt-part"), length, count) >= count / 2);
    assert!(fs::read(copies.there("b")).unwrap() == bytes);
    let down = [there.as_os_str(), back.as_os_str()];
    assert!(cuts(&copies, &down, &copies.here("c.axt-part"), length, count) >= count / 2);
    assert!(fs::read(back).unwrap() == bytes);
}

#[test]
fn a_lost_session_is_a_failure_and_the_next_run_goes_on() {
    let mut options = unlimited();
    options.faults.set("refuse-resume", "").unwrap();
    options.faults.set("drop-after-in", "1MiB").unwrap();
    let copies = Copies::over(Cloud::with(options));
    let bytes = noise(2_500_000, 7);
    fs::write(copies.here("a"), &bytes).unwrap();
    let to = copies.at("a");
    let mut runs = Vec::new();
    while runs.len() < 9 && runs.last() != Some(&0) {
        let done = copies.cp([copies.here("a").as_os_str(), &to]);
        assert!(done.status == 0 || !copies.there("a").exists());
        runs.push(done.status);
    }
    assert_eq!(runs.last(), Some(&0), "{runs:?}");
    assert_eq!(runs.first(), Some(&255), "{runs:?}");
    assert!(fs::read(copies.there("a")).unwrap() == bytes);
}

#[test]
fn a_part_is_used_only_if_it_is_a_beginning() {
    let copies = Copies::new();
    let bytes = noise(300_000, 8);
    fs::write(copies.here("a"), &bytes).unwrap();
    let mut wrong = bytes.clone();
    wrong[70_000] ^= 1;
    let longer = [&bytes[..], b"more"].concat();
    let (up, down) = (copies.at("a"), copies.here("b"));
    for (part, kept) in [
        (&bytes[..200_000], Some(196_608)),
        (&wrong[..200_000], None),
        (&longer, Some(262_144)),
        (&bytes[..10], None),
    ] {
        fs::write(copies.there("a.axt-part"), part).unwrap();
        let _ = fs::remove_file(copies.there("a"));
        let mut axt = copies.axt(["-v".as_ref(), copies.here("a").as_os_str(), &up]);
        axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
        let done = run(axt, b"");
        assert_eq!(done.status, 0, "{done:?}");
        assert!(fs::read(copies.there("a")).unwrap() == bytes);
        let said = kept.map(|kept| format!("{kept} of 300000 bytes are there already"));
        let said = said.as_deref().unwrap_or("are there already");
        assert_eq!(
            done.stderr.contains(said),
            kept.is_some(),
            "{}",
            done.stderr
        );
        fs::write(copies.here("b.axt-part"), part).unwrap();
        let _ = fs::remove_file(&down);
        copies.copies([up.as_os_str(), down.as_os_str()]);
        assert!(fs::read(&down).unwrap() == bytes);
    }
    fs::write(copies.there("a.axt-part"), &bytes[..200_000]).unwrap();
    fs::remove_file(copies.there("a")).unwrap();
    let mut axt = copies.axt(["-v", "--no-resume"]);
    axt.args([copies.here("a").as_os_str(), &up]);
    axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let done = run(axt, b"");
    assert!(
        done.status == 0 && !done.stderr.contains("already"),
        "{done:?}"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_no_copy() {
    let copies = Copies::over(steady());
    fs::write(copies.here("a"), noise(3_000_000, 9)).unwrap();
    fs::write(copies.there("a"), noise(3_000_000, 10)).unwrap();
    let grow = |path: &Path| {
        use std::io::Write as _;
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    };
    for (from, to, source, target) in [
        (
            copies.here("a").into(),
            copies.at("b"),
            copies.here("a"),
            copies.there("b"),
        ),
        (
            copies.at("a"),
            copies.here("b").into(),
            copies.there("a"),
            copies.here("b"),
        ),
    ] {
        fs::write(&target, "what was there").unwrap();
        let child = copies.starts([from, to]);
        let mut part = target.clone().into_os_string();
        part.push(".axt-part");
        until("some of it has come", || size(part.as_ref()) > 100_000);
        grow(&source);
        let done = finish(child);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(
            done.stderr.contains("it changed while it was read"),
            "{done:?}"
        );
        assert_eq!(fs::read(&target).unwrap(), b"what was there");
    }
}

#[test]
fn a_file_is_copied_to_by_one_at_a_time() {
    let copies = Copies::new();
    fs::write(copies.here("a"), "a").unwrap();
    let mut first = copies.axt([OsStr::new("-"), &copies.at("f")]);
    first
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut first = first.spawn().unwrap();
    until("the first has begun", || {
        copies.there("f.axt-part").exists()
    });
    let second = copies.cp([copies.here("a").as_os_str(), &copies.at("f")]);
    assert_eq!(second.status, 1, "{second:?}");
    assert!(second.stderr.contains("another axt cp"), "{second:?}");
    drop(first.stdin.take());
    assert_eq!(finish(first).status, 0);
    copies.copies([copies.here("a").as_os_str(), &copies.at("f")]);
    assert_eq!(fs::read(copies.there("f")).unwrap(), b"a");
    assert_eq!(names(&copies.there("")), ["f"]);
}

#[test]
fn a_signal_leaves_the_part_for_the_next_run() {
    let copies = Copies::over(steady());
    let bytes = noise(3_000_000, 11);
    fs::write(copies.here("a"), &bytes).unwrap();
    let (here, to) = (copies.here("a"), copies.at("a"));
    let child = copies.starts([here.as_os_str(), &to]);
    until("some of it has come", || {
        size(&copies.there("a.axt-part")) > 500_000
    });
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let done = finish(child);
    assert_eq!((done.status, &*done.stderr), (130, ""), "{done:?}");
    copies.cloud.assert_all_ended();
    assert!(size(&copies.there("a.axt-part")) > 500_000);
    copies.copies([here.as_os_str(), &to]);
    assert!(fs::read(copies.there("a")).unwrap() == bytes);
}

/// What is in a tree: paths with kinds, modes, contents or what links lead to.
fn tree(top: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = folder.join(name);
            let data = fs::symlink_metadata(&path).unwrap();
            let content = match data.file_type() {
                kind if kind.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_vec()
                }
                kind if kind.is_dir() => b"directory".to_vec(),
                _ => fs::read(&path).unwrap(),
            };
            let mode = data.permissions().mode();
            found.push((path.strip_prefix(top).unwrap().to_owned(), mode, content));
            if data.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A tree with a bit of everything.
fn make_tree(top: &Path) {
    fs::create_dir_all(top.join("a/deep/er")).unwrap();
    fs::create_dir(top.join("empty")).unwrap();
    fs::write(top.join("a/deep/er/none"), "").unwrap();
    fs::write(top.join("large"), noise(600_000, 12)).unwrap();
    for number in 0..30 {
        let content = noise(number * 37, 13);
        fs::write(top.join(format!("a/small-{number}")), content).unwrap();
    }
    let odd: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    for (number, name) in odd.chunks(100).enumerate() {
        let name = OsString::from_vec(name.to_vec());
        fs::write(top.join("a/deep").join(name), [number as u8]).unwrap();
    }
    for name in [
        "-rf",
        "a\nb\n",
        "back\\slash",
        " ",
        "$(id)",
        "long".repeat(60).as_str(),
    ] {
        fs::write(top.join("a").join(name), name).unwrap();
    }
    for (name, aim) in [
        ("link", "a/small-3"),
        ("out", "/etc/passwd"),
        ("gone", "-n\n"),
        ("dir", "a"),
    ] {
        symlink(aim, top.join(name)).unwrap();
    }
    for (name, bits) in [("a/small-1", 0o751), ("large", 0o640), ("a/deep", 0o710)] {
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(bits)).unwrap();
    }
}

#[test]
fn trees_go_there_and_back() {
    let copies = Copies::new();
    let (top, there, back) = (copies.here("top"), copies.there("top"), copies.here("back"));
    make_tree(&top);
    fs::set_permissions(&top, fs::Permissions::from_mode(0o700)).unwrap();
    let expected = tree(&top);
    // Into a directory that is there, by its own name.
    copies.copies(["-rp".as_ref(), top.as_os_str(), &copies.at("")]);
    assert_eq!(tree(&there), expected);
    assert_eq!(mode(&there), 0o700);
    // To a name that is not there.
    copies.copies([
        "-rp".as_ref(),
        copies.at("top").as_os_str(),
        back.as_os_str(),
    ]);
    assert_eq!(tree(&back), expected);
    assert_eq!(mode(&back), 0o700);
    let times = |path: &Path| fs::symlink_metadata(path).unwrap().modified().unwrap();
    let seconds = |path: &Path| {
        times(path)
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    for name in ["large", "a/small-7", "a/deep", ""] {
        assert_eq!(
            seconds(&back.join(name)),
            seconds(&top.join(name)),
            "{name}"
        );
    }
    // What is the same is left alone, and what differs is replaced.
    fs::write(there.join("a/small-1"), "changed").unwrap();
    fs::remove_file(there.join("link")).unwrap();
    symlink("elsewhere", there.join("link")).unwrap();
    fs::write(there.join("more"), "stays").unwrap();
    let kept = times(&there.join("a/small-2"));
    copies.copies(["-r".as_ref(), top.as_os_str(), &copies.at("")]);
    assert_eq!(fs::read(there.join("more")).unwrap(), b"stays");
    fs::remove_file(there.join("more")).unwrap();
    assert_eq!(tree(&there), expected);
    assert_eq!(times(&there.join("a/small-2")), kept);
    fs::write(back.join("a/small-1"), "changed").unwrap();
    fs::write(back.join("more"), "stays").unwrap();
    copies.copies([
        "-r".as_ref(),
        copies.at("top/.").as_os_str(),
        back.as_os_str(),
    ]);
    fs::remove_file(back.join("more")).unwrap();
    assert_eq!(tree(&back), expected);
    copies.cloud.assert_all_ended();
}

#[test]
fn a_thousand_small_files_go_in_a_few_round_trips() {
    let copies = Copies::new();
    let top = copies.here("top");
    fs::create_dir(&top).unwrap();
    for number in 0..1000 {
        fs::write(top.join(format!("file {number}")), noise(1024, number)).unwrap();
    }
    copies.copies(["-r".as_ref(), top.as_os_str(), &copies.at("up")]);
    assert_eq!(tree(&copies.there("up")), tree(&top));
    copies.copies([
        "-r".as_ref(),
        copies.at("up").as_os_str(),
        copies.here("down").as_os_str(),
    ]);
    assert_eq!(tree(&copies.here("down")), tree(&top));
    // Named one by one, they go together too.
    fs::create_dir(copies.there("named")).unwrap();
    let mut args: Vec<_> = names(&top)
        .iter()
        .map(|name| top.join(name).into())
        .collect();
    args.push(copies.at("named"));
    copies.copies(args);
    assert_eq!(tree(&copies.there("named")), tree(&top));
    assert_eq!(copies.cloud.emulator.sessions().len(), 3);
}

#[test]
fn where_there_is_no_tar_files_go_one_by_one() {
    let tools = tempfile::tempdir().unwrap();
    for folder in [Path::new("/usr/bin"), Path::new("/bin")] {
        for name in names(folder).into_iter().filter(|name| name != "tar") {
            // One of the folders may be a link to the other.
            let _ = symlink(folder.join(&name), tools.path().join(&name));
        }
    }
    let mut options = unlimited();
    options.agent.path = Some(tools.path().into());
    let copies = Copies::over(Cloud::with(options));
    let (top, back) = (copies.here("top"), copies.here("back"));
    make_tree(&top);
    let (there, back_again) = (copies.at("top"), back.as_os_str());
    for (from, to) in [(top.as_os_str(), &*there), (&there, back_again)] {
        let mut axt = copies.axt(["-rpv".as_ref(), from, to]);
        axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
        let done = run(axt, b"");
        assert_eq!(done.status, 0, "{done:?}");
        assert_eq!(done.stderr.matches("tar is missing").count(), 1, "{done:?}");
    }
    assert_eq!(tree(&copies.there("top")), tree(&top));
    assert_eq!(tree(&back), tree(&top));
    assert_eq!(copies.cloud.emulator.sessions().len(), 2);
}

#[test]
fn of_a_tree_all_is_copied_that_can_be() {
    let copies = Copies::new();
    let (top, there) = (copies.here("top"), copies.there("top"));
    for folder in [&top, &there] {
        fs::create_dir(folder).unwrap();
    }
    for name in ["file", "folder", "x.axt-part", "good", "linked"] {
        fs::write(top.join(name), name).unwrap();
    }
    let socket = std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap();
    fs::create_dir(top.join("dir")).unwrap();
    fs::write(top.join("dir/inside"), "inside").unwrap();
    fs::create_dir(there.join("folder")).unwrap();
    fs::write(copies.there("precious"), "precious").unwrap();
    fs::create_dir(copies.there("elsewhere")).unwrap();
    // Nothing is written through links that are in the way.
    symlink("../elsewhere", there.join("dir")).unwrap();
    symlink("../precious", there.join("linked")).unwrap();
    let done = copies.cp(["-r".as_ref(), top.as_os_str(), &copies.at("")]);
    assert_eq!(done.status, 1, "{done:?}");
    for (name, why) in [
        ("folder", "there is a directory of this name"),
        ("x.axt-part", "is reserved"),
        ("socket", "not a regular file"),
        ("dir", "symbolic link"),
        ("dir/inside", ""),
    ] {
        let path = format!("{}: ", top.join(name).display());
        let named = |line: &str| line.contains(&path) && line.contains(why);
        assert!(done.stderr.lines().any(named), "{name}: {}", done.stderr);
    }
    assert_eq!(fs::read(there.join("good")).unwrap(), b"good");
    assert_eq!(fs::read(there.join("file")).unwrap(), b"file");
    assert_eq!(fs::read(there.join("linked")).unwrap(), b"linked");
    assert_eq!(fs::read(copies.there("precious")).unwrap(), b"precious");
    assert_eq!(names(&copies.there("elsewhere")), [""; 0]);
    drop(socket);
    // The same towards here.
    let back = copies.here("back");
    fs::create_dir(&back).unwrap();
    fs::create_dir(copies.here("elsewhere")).unwrap();
    symlink("../elsewhere", back.join("dir")).unwrap();
    fs::remove_file(there.join("dir")).unwrap();
    fs::create_dir(there.join("dir")).unwrap();
    fs::write(there.join("dir/inside"), "inside").unwrap();
    symlink("../../precious", back.join("linked")).unwrap();
    let done = copies.cp([
        "-r".as_ref(),
        copies.at("top/.").as_os_str(),
        back.as_os_str(),
    ]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(
        done.stderr
            .contains("dir: there is a symbolic link of this name"),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("dir/inside: its directory is missing here"),
        "{done:?}"
    );
    assert_eq!(names(&copies.here("elsewhere")), [""; 0]);
    assert_eq!(fs::read(back.join("linked")).unwrap(), b"linked");
    assert!(fs::symlink_metadata(back.join("linked")).unwrap().is_file());
}

/// A copy of a new tree is killed when `part` has begun; the same command ends it.
fn interrupted_tree(copies: &Copies, args: &[&OsStr], part: &Path) {
    let mut child = copies.starts(args);
    until("some of it has come", || {
        size(part) > 0 || child.try_wait().unwrap().is_some()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(part.exists(), "it was killed too late");
    let done = copies.cp(args);
    assert_eq!((done.status, &*done.stderr), (0, ""), "{done:?}");
}

#[test]
fn an_interrupted_copy_of_a_tree_goes_on_in_the_same_directory() {
    let copies = Copies::over(steady());
    let top = copies.here("top");
    fs::create_dir_all(top.join("a")).unwrap();
    fs::write(top.join("a/small"), "small").unwrap();
    fs::write(top.join("large"), noise(3_000_000, 15)).unwrap();
    // Modes that every umask leaves as they are.
    for (name, bits) in [
        ("", 0o710),
        ("a", 0o500),
        ("large", 0o600),
        ("a/small", 0o600),
    ] {
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(bits)).unwrap();
    }
    let expected = tree(&top);
    let (there, back) = (copies.at("new"), copies.here("back"));
    let up = ["-r".as_ref(), top.as_os_str(), &there];
    interrupted_tree(&copies, &up, &copies.there("new/large.axt-part"));
    assert_eq!(tree(&copies.there("new")), expected);
    assert_eq!(mode(&copies.there("new")) & 0o700, 0o700);
    let umask = mode(&copies.there("new"));
    let down = ["-r".as_ref(), there.as_os_str(), back.as_os_str()];
    interrupted_tree(&copies, &down, &back.join("large.axt-part"));
    assert_eq!(tree(&back), expected);
    assert_eq!(mode(&back), umask);
    // What was interrupted before may be another tree: it is left alone.
    fs::write(back.join(".axt-new"), "other").unwrap();
    copies.copies(down);
    assert_eq!(tree(&back.join("new")), expected);
}

/// An emulator whose machine has this tool in place of its own.
fn with_tool(folder: &Path, name: &str, does: &str) -> Cloud {
    for tools in [Path::new("/usr/bin"), Path::new("/bin")] {
        for tool in names(tools).into_iter().filter(|tool| tool != name) {
            // One of the folders may be a link to the other.
            let _ = symlink(tools.join(&tool), folder.join(&tool));
        }
    }
    fs::write(folder.join(name), format!("#!/bin/sh\n{does}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = unlimited();
    options.agent.path = Some(folder.into());
    Cloud::with(options)
}

#[test]
fn what_can_not_be_listed_is_a_failure_and_the_rest_is_copied() {
    let tools = tempfile::tempdir().unwrap();
    let find = "/usr/bin/find \"$@\"; echo \"find: './shut': Permission denied\" >&2; exit 1";
    let copies = Copies::over(with_tool(tools.path(), "find", find));
    fs::create_dir_all(copies.there("top/shut")).unwrap();
    fs::write(copies.there("top/f"), "abc").unwrap();
    let done = copies.cp([
        "-r".as_ref(),
        copies.at("top").as_os_str(),
        copies.here("top").as_os_str(),
    ]);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(
        done.stderr.matches("'./shut': Permission denied").count(),
        1,
        "{done:?}"
    );
    assert_eq!(fs::read(copies.here("top/f")).unwrap(), b"abc");
}

#[test]
fn where_there_is_no_room_each_file_is_named_and_the_rest_is_copied() {
    let tools = tempfile::tempdir().unwrap();
    let df = "echo Filesystem; echo /dev/a 9 8 4 90% /";
    let copies = Copies::over(with_tool(tools.path(), "df", df));
    let top = copies.here("top");
    fs::create_dir_all(top.join("dir")).unwrap();
    fs::write(top.join("same"), noise(300_000, 16)).unwrap();
    fs::write(top.join("small"), noise(2_000, 17)).unwrap();
    fs::write(top.join("larger"), noise(5_000, 18)).unwrap();
    fs::write(top.join("larger still"), noise(300_000, 19)).unwrap();
    fs::create_dir(copies.there("top")).unwrap();
    fs::copy(top.join("same"), copies.there("top/same")).unwrap();
    let done = copies.cp(["-r".as_ref(), top.as_os_str(), &copies.at("")]);
    assert_eq!(done.status, 1, "{done:?}");
    for (name, size) in [("larger", 5_000), ("larger still", 300_000)] {
        let what = format!("{}: there is no room for it", top.join(name).display());
        let line = format!("{what}: {size} bytes are needed, ");
        assert!(done.stderr.contains(&line), "{line}: {done:?}");
    }
    assert_eq!(names(&copies.there("top")), ["dir", "same", "small"]);
}

#[test]
fn two_copies_into_one_directory_do_not_exclude_each_other() {
    let copies = Copies::over(steady());
    for top in ["one", "two"] {
        fs::create_dir(copies.here(top)).unwrap();
        for number in 0..12 {
            let path = copies.here(top).join(format!("{top} {number}"));
            fs::write(path, noise(200_000, number)).unwrap();
        }
    }
    let starts = |top: &str| {
        let from = copies.here(top).join(".");
        copies.starts(["-r".as_ref(), from.as_os_str(), &copies.at("")])
    };
    let children = [starts("one"), starts("two")];
    for child in children {
        let done = finish(child);
        assert_eq!((done.status, &*done.stderr), (0, ""), "{done:?}");
    }
    for top in ["one", "two"] {
        for name in names(&copies.here(top)) {
            assert!(copies.there(name).exists());
        }
    }
    assert_eq!(names(&copies.there("")).len(), 24);
}

#[test]
fn devices_are_not_replaced_through_links() {
    let copies = Copies::new();
    fs::write(copies.here("null"), "x").unwrap();
    fs::write(copies.there("null"), "x").unwrap();
    for folder in [copies.here("d"), copies.there("d")] {
        fs::create_dir(&folder).unwrap();
        symlink("/dev/null", folder.join("null")).unwrap();
    }
    let up = [copies.here("null").into(), copies.at("d/null")];
    let down = [copies.at("null"), copies.here("d/null").into()];
    for args in [up, down] {
        let done = copies.cp(args);
        assert!(
            done.status == 1 && done.stderr.contains("not a regular file"),
            "{done:?}"
        );
    }
    for folder in ["here/d", "there/d"] {
        let link = copies.dir.path().join(folder).join("null");
        assert_eq!(fs::read_link(link).unwrap(), Path::new("/dev/null"));
    }
}

#[test]
fn a_file_that_does_not_tell_its_size_is_no_empty_file() {
    let copies = Copies::new();
    let info = OsString::from("/proc/cpuinfo");
    let args = [
        [info.clone(), copies.at("x")],
        ["i-test:/proc/cpuinfo".into(), copies.here("x").into()],
    ];
    for (args, said) in args
        .into_iter()
        .zip(["its size says", "its size is not known"])
    {
        let done = copies.cp(args);
        assert!(done.status == 1 && done.stderr.contains(said), "{done:?}");
    }
    assert_eq!(names(&copies.here("")), [""; 0]);
    assert!(!copies.there("x").exists());
    let done = run(copies.axt([OsStr::new("-"), &copies.at("x")]), b"piped");
    assert_eq!(done.status, 0, "{done:?}");
}

#[test]
fn the_longest_names_are_copied_too() {
    let copies = Copies::new();
    fs::create_dir(copies.here("top")).unwrap();
    for (length, size) in [(246, 10), (247, 20), (255, 30), (254, 300_000)] {
        let name = "n".repeat(length);
        fs::write(copies.here("top").join(&name), noise(size, 19)).unwrap();
        let from = copies.here("top").join(&name);
        copies.copies([from.as_os_str(), &copies.at("")]);
        fs::remove_file(copies.there(&name)).unwrap();
        copies.copies([from.as_os_str(), &copies.at(&name)]);
        copies.copies([copies.at(&name).as_os_str(), copies.here("").as_os_str()]);
        assert!(fs::read(copies.here(&name)).unwrap() == fs::read(from).unwrap());
    }
    symlink("aim", copies.here("top").join("l".repeat(255))).unwrap();
    let (top, back) = (copies.here("top"), copies.here("back"));
    copies.copies(["-r".as_ref(), top.as_os_str(), &copies.at("top")]);
    copies.copies([
        "-r".as_ref(),
        copies.at("top").as_os_str(),
        back.as_os_str(),
    ]);
    assert_eq!(tree(&back), tree(&top));
}

#[test]
fn names_and_places_are_those_that_cp_gives() {
    let copies = Copies::new();
    for top in ["a", "b"] {
        fs::create_dir_all(copies.here(top).join("x")).unwrap();
        fs::write(copies.here(top).join("x/f"), top).unwrap();
        fs::create_dir_all(copies.there(top)).unwrap();
        fs::write(copies.there(top).join("f"), top).unwrap();
    }
    // The content of a directory, into one that is there.
    fs::create_dir(copies.there("ex")).unwrap();
    copies.copies([
        "-r".as_ref(),
        copies.here("a/.").as_os_str(),
        &copies.at("ex"),
    ]);
    assert_eq!(names(&copies.there("ex")), ["x"]);
    // A slash does not ask for a directory that is there.
    copies.copies([
        "-r".as_ref(),
        copies.here("a").as_os_str(),
        &copies.at("new/"),
    ]);
    assert_eq!(names(&copies.there("new")), ["x"]);
    // Two of one name.
    fs::create_dir(copies.there("two")).unwrap();
    let up = ["a/x/f", "b/x/f"].map(|path| copies.here(path).into_os_string());
    let down = ["a/f", "b/f"].map(|path| copies.at(path));
    fs::create_dir(copies.here("two")).unwrap();
    for (froms, to) in [(up, copies.at("two")), (down, copies.here("two").into())] {
        let done = copies.cp(froms.into_iter().chain([to]));
        assert!(done.status == 1 && done.stderr.contains("b/"), "{done:?}");
        assert!(
            done.stderr.contains("another SRC has the same name"),
            "{done:?}"
        );
        assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
    }
    assert_eq!(fs::read(copies.there("two/f")).unwrap(), b"a");
    assert_eq!(fs::read(copies.here("two/f")).unwrap(), b"a");
    // Through a link that the user named.
    fs::create_dir(copies.here("real")).unwrap();
    symlink("real", copies.here("link")).unwrap();
    copies.copies([
        "-r".as_ref(),
        copies.at("ex/.").as_os_str(),
        copies.here("link").as_os_str(),
    ]);
    assert_eq!(names(&copies.here("real")), ["x"]);
}

#[test]
fn a_file_that_is_replaced_keeps_its_group() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if !rustix::process::geteuid().is_root() {
        // Others have no group to give.
        return;
    }
    let copies = Copies::new();
    for folder in ["here/d", "there/d"] {
        let folder = copies.dir.path().join(folder);
        fs::create_dir(&folder).unwrap();
        for name in ["one", "large"] {
            fs::write(folder.join(name), folder.as_os_str().as_encoded_bytes()).unwrap();
        }
    }
    let kept = |path: &Path| {
        let data = fs::metadata(path).unwrap();
        (data.uid(), data.gid())
    };
    for (owner, name) in [((0, 7), "one"), ((5, 7), "large")] {
        let paths = [copies.here("d").join(name), copies.there("d").join(name)];
        for path in &paths {
            chown(path, Some(owner.0), Some(owner.1)).unwrap();
        }
        if name == "large" {
            fs::write(&paths[0], noise(300_000, 20)).unwrap();
        }
    }
    let (here, there) = (copies.here("d"), copies.there("d"));
    copies.copies(["-r".as_ref(), here.as_os_str(), &copies.at("")]);
    for name in ["one", "large"] {
        assert!(fs::read(there.join(name)).unwrap() == fs::read(here.join(name)).unwrap());
        fs::write(there.join(name), "changed").unwrap();
    }
    fs::write(there.join("large"), noise(300_000, 21)).unwrap();
    copies.copies([
        "-r".as_ref(),
        copies.at("d").as_os_str(),
        copies.here("").as_os_str(),
    ]);
    for folder in [here, there] {
        assert_eq!(kept(&folder.join("one")), (0, 7));
        assert_eq!(kept(&folder.join("large")), (5, 7));
    }
}

#[test]
fn a_terminal_shows_one_line_that_is_drawn_again_and_then_what_was_verified() {
    let copies = Copies::over(steady());
    let length = 6_000_000;
    fs::write(copies.here("a"), noise(length, 14)).unwrap();
    let mut axt = copies.axt([copies.here("a").as_os_str(), &copies.at("a")]);
    axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let screen = Screen::start(&axt, 10, 40);
    let is_line = |text: &str| text.starts_with("axt: ") && text.contains("iB/s");
    screen.wait("a line", |s| is_line(&s.contents()));
    let first = screen.contents();
    screen.wait("another line", |s| s.contents() != first);
    let second = screen.contents();
    for text in [&first, &second] {
        assert!(is_line(text) && text.lines().count() == 1, "{text}");
        assert!(text.chars().count() < 40, "{text}");
    }
    let (status, left) = screen.end_seen();
    assert!(status.success());
    let verified = format!("axt: 1 file, {length} bytes: SHA-256 verified");
    assert_eq!(left.trim_end(), verified);
    // Whoever wants no messages gets none.
    let mut axt = copies.axt(["-q".as_ref(), copies.here("a").as_os_str(), &copies.at("b")]);
    axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let (status, left) = Screen::start(&axt, 10, 40).end_seen();
    assert_eq!((status.success(), left.trim_end()), (true, ""));
}
