//! The scripts under every shell that may be `sh` at the remote side.

use super::{Script, Verb};
use crate::copy::{
    Digests, FileType, Hasher, Listing, Look, RemoteSource, Root, failures, misplaced, names,
};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The shells, as far as they are installed.
const SHELLS: [&[&str]; 6] = [
    &["dash"],
    &["bash", "--posix"],
    &["busybox", "sh"],
    &["mksh"],
    &["ksh93"],
    &["zsh", "--emulate", "sh"],
];

/// A shell, and the home of the user there.
struct Machine<'a> {
    shell: &'a [&'a str],
    home: tempfile::TempDir,
}

fn on_all(test: impl Fn(&Machine<'_>) + Sync) {
    std::thread::scope(|scope| {
        for shell in SHELLS {
            let test = &test;
            scope.spawn(move || {
                let there = Command::new(shell[0])
                    .args(&shell[1..])
                    .args(["-c", ":"])
                    .output();
                if there.is_ok_and(|there| there.status.success()) {
                    let home = tempfile::tempdir().unwrap();
                    test(&Machine { shell, home });
                }
            });
        }
    });
}

impl Machine<'_> {
    fn run(&self, script: Script, input: &[u8]) -> Output {
        use std::os::unix::ffi::OsStrExt as _;
        let script = script.set("token", "ours").set("free", "dead").finish();
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg("-c")
            .arg(std::ffi::OsStr::from_bytes(&script))
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A script that fails reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// The output of a script that succeeds.
    fn says(&self, script: Script, input: &[u8]) -> Vec<u8> {
        let done = self.run(script, input);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{:?}: {errors}", self.shell);
        done.stdout
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.home.path().join(path)
    }
}

fn sum(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(Digests::Sha256);
    hasher.update(bytes);
    hasher.finish()
}

fn put(path: &str, k: &str, size: usize, want: &str) -> Script {
    Script::new(Verb::Put)
        .set("p", path)
        .set("stem", path)
        .set("k", k)
        .set("n", size.to_string())
        .set("want", want)
        .set("owner", "")
        .set("mode", "640")
        .set("time", "200109090146.40")
}

fn look(path: &str, name: &str, size: usize) -> Script {
    Script::new(Verb::Look)
        .set("p", path)
        .set("b", name)
        .set("stem", path)
        .set("stem_in", format!("{path}/{name}"))
        .set("m", "")
        .set("n", size.to_string())
}

#[test]
fn a_file_is_taken_in_two_goes() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n * 7 / 3) as u8).collect();
    let want = sum(&bytes);
    on_all(|machine| {
        fs::create_dir(machine.at("d")).unwrap();
        let said = machine.says(look("./d", "it's\n\"x\" ", bytes.len()), b"");
        let said = Look::parse(&said).unwrap();
        assert!(said.is_in_directory && said.kind == FileType::Missing && said.part.is_none());
        assert!(said.room.is_some());
        let path = "./d/it's\n\"x\" ";
        let cut = machine.run(put(path, "0", bytes.len(), &want), &bytes[..70_000]);
        assert_eq!(cut.status.code(), Some(5));
        let said = Look::parse(&machine.says(look(path, "", bytes.len()), b"")).unwrap();
        assert_eq!(said.part, Some((70_000, sum(&bytes[..65_536]))));
        machine.says(put(path, "1", bytes.len(), &want), &bytes[65_536..]);
        assert_eq!(fs::read(machine.at(path)).unwrap(), bytes);
        let said = Look::parse(&machine.says(look(path, "", bytes.len()), b"")).unwrap();
        assert_eq!(
            (said.kind, said.digest.as_ref()),
            (FileType::File, Some(&want))
        );
        let state = said.state.unwrap();
        assert_eq!((state.mode, state.time), (0o640, Some(1_000_000_000)));
        let source = Script::new(Verb::Source).set("p", path).set("n", "150000");
        let source = RemoteSource::parse(&machine.says(source, b"")).unwrap();
        let blocks = sum(&bytes[..131_072]);
        assert_eq!(source.file, Some((state, want.clone(), blocks)));
        let get = Script::new(Verb::Get)
            .set("p", path)
            .set("k", "1")
            .set("n", "3");
        assert_eq!(machine.says(get, b""), &bytes[65_536..]);
        assert_eq!(fs::read_dir(machine.at("d")).unwrap().count(), 1);
    });
}

#[test]
fn locks_of_the_living_hold_and_of_the_dead_do_not() {
    on_all(|machine| {
        let began = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields = stat.rsplit(')').next().unwrap().to_owned();
            fields.split_whitespace().nth(19).unwrap().to_owned()
        };
        let lock = machine.at("f.axt-lock");
        let mut sleeps = Command::new("sleep").arg("100").spawn().unwrap();
        let (first, began) = (began(1), began(sleeps.id()));
        for (holder, status) in [
            (format!("another {} {began}", sleeps.id()), 4),
            (format!("another {} 5", sleeps.id()), 0),
            // No process of a copy: a signal to it would reach all processes.
            (format!("ours 1 {first}"), 0),
            (format!("ours 01 {first}"), 0),
            ("* * *".to_owned(), 0),
            ("another 999999999 5".to_owned(), 0),
            (format!("dead {} {began}", sleeps.id()), 0),
        ] {
            symlink(&holder, &lock).unwrap();
            let done = machine.run(look("./f", "", 0), b"");
            assert_eq!(
                done.status.code(),
                Some(status),
                "{:?} {holder}",
                machine.shell
            );
            if status == 4 {
                assert_eq!(done.stdout, b"another\n");
                fs::remove_file(&lock).unwrap();
            }
            assert!(fs::symlink_metadata(&lock).is_err());
        }
        // What a dead run has left running is ended.
        assert!(!sleeps.wait().unwrap().success());
    });
}

#[test]
fn small_files_are_unpacked_where_they_belong() {
    on_all(|machine| {
        let root = Root::parse(&machine.says(root("./t", ""), b"")).unwrap();
        assert!(root.is_new && root.has_tar);
        let mut make = Script::new(Verb::Make).set("p", "./t");
        make.call("directories", [&b"755"[..], b"./a"]);
        make.call("link", [&b"-to\n"[..], b"./l"]);
        make.call("directories", [&b"2755"[..], b"./a", b"./l", b"./s"]);
        make.call("attributes", [&b"700"[..], b"200109090146.40", b"./a"]);
        make.call("rm", [&b"-f"[..], b"./.axt-new"]);
        let failed = failures(&machine.says(make, b""));
        assert_eq!(failed, [(4, "@link".into())]);
        let mode = fs::metadata(machine.at("t/s"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o2755, "{:?}", machine.shell);
        fs::remove_dir(machine.at("t/s")).unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in [
            ("a/.ours.axt-part/x\ny", "one"),
            ("a/.ours.axt-part/b\\n", "two"),
            (".ours.axt-part/z", "three"),
            (".ours.axt-part/w", "bad"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_mtime(1_000_000_000);
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        let archive = archive.into_inner().unwrap();
        let sums = ["one", "two", "three", "four", ""].map(|text| sum(text.as_bytes()));
        let names: [&[u8]; 5] = [b"./x\ny", b"./b\\n", b"./z", b"./w", b"./missing"];
        let mut unpack = unpack(&[b"./a", b"./."], &[&names[..2], &names[2..]], &sums);
        unpack.call("exit", [&b"0"[..]]);
        let said = machine.says(unpack, &archive);
        assert_eq!(
            misplaced(&said),
            [(4, None), (5, None)],
            "{:?}",
            machine.shell
        );
        let read = |path: &str| fs::read_to_string(machine.at(path)).unwrap();
        assert_eq!(
            [read("t/a/x\ny"), read("t/a/b\\n"), read("t/z")],
            ["one", "two", "three"]
        );
        tree_is_listed(machine);
    });
}

/// A script that takes files with these digests into folders.
fn unpack(folders: &[&[u8]], files: &[&[&[u8]]], sums: &[String]) -> Script {
    let parts = folders.iter().map(|folder| (*folder, &b""[..]));
    let named = folders.iter().zip(files);
    let paths = named.flat_map(|(folder, names)| names.iter().map(|name| (*folder, &name[2..])));
    let mut unpack = Script::new(Verb::Unpack)
        .set("p", "./t")
        .set("part", ".ours.axt-part")
        .runs_with("parts", parts.collect())
        .runs_with("files", paths.collect())
        .define("stage", [])
        .set("want", sums.join("\n"));
    for (folder, names) in folders.iter().zip(files) {
        unpack.call(
            "place",
            std::iter::once(*folder).chain(names.iter().copied()),
        );
    }
    unpack.call("files", [&b"left"[..]]);
    unpack
}

fn root(path: &str, name: &str) -> Script {
    Script::new(Verb::Root)
        .set("p", path)
        .set("b", name)
        .set("m", "")
}

#[test]
fn why_a_file_is_not_put_in_its_place_is_told() {
    on_all(|machine| {
        fs::create_dir_all(machine.at("t/f")).unwrap();
        let tools = machine.at("tools");
        tool(
            &tools,
            "tar",
            "cat >/dev/null; echo tar: f: No space left >&2; echo 'tar: Exiting with failure' >&2; exit 2",
        );
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let script = unpack(&[b"./."], &[&[b"./x"]], &[sum(b"x")]).set("PATH", path);
        let said = misplaced(&machine.says(script, &[]));
        assert_eq!(
            said,
            [(1, Some("tar: f: No space left".into()))],
            "{:?}",
            machine.shell
        );
        // A directory in the way, and a folder that is none.
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o640);
        archive
            .append_data(&mut header, ".ours.axt-part/f", &b""[..])
            .unwrap();
        let archive = archive.into_inner().unwrap();
        fs::write(machine.at("t/none"), "").unwrap();
        let files: [&[&[u8]]; 2] = [&[b"./f"], &[b"./x"]];
        let script = unpack(&[b"./.", b"./none"], &files, &[sum(b""), sum(b"x")]);
        let done = machine.run(script, &archive);
        let mut said = misplaced(&done.stdout);
        said.sort();
        let why = |at: usize| said[at].1.as_deref().unwrap();
        assert_eq!(said.len(), 2, "{:?} {said:?}", machine.shell);
        assert!(why(0).contains("irectory"), "{:?} {said:?}", machine.shell);
        assert!(
            why(1).contains("Not a directory"),
            "{:?} {said:?}",
            machine.shell
        );
        let left = fs::read_dir(machine.at("t")).unwrap().count();
        assert_eq!(left, 2, "{:?}", machine.shell);
    });
}

#[test]
fn directories_in_which_nothing_is_yet_are_moved_with_their_files() {
    on_all(|machine| {
        for folder in ["empty", "taken"] {
            fs::create_dir_all(machine.at("t").join(folder)).unwrap();
        }
        fs::write(machine.at("t/taken/other"), "stays").unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        for name in ["empty", "taken"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(name.len() as u64);
            header.set_mode(0o640);
            let path = format!(".ours.axt-part/{name}/f");
            archive
                .append_data(&mut header, path, name.as_bytes())
                .unwrap();
        }
        let archive = archive.into_inner().unwrap();
        let paths: [&[u8]; 2] = [b"empty", b"taken"];
        let paths = paths.map(|path| (&b"./."[..], path));
        let files: [&[u8]; 2] = [b"empty/f", b"taken/f"];
        let files = files.map(|path| (&b"./."[..], path));
        let mut unpack = Script::new(Verb::Unpack)
            .set("p", "./t")
            .set("part", ".ours.axt-part")
            .runs_with("parts", vec![(&b"./."[..], &b""[..])])
            .runs_with("files", files.to_vec())
            .define("stage", [("mkdir -m 751".to_owned(), paths.to_vec())])
            .set("want", [sum(b"empty"), sum(b"taken")].join("\n"));
        unpack.call("place", [&b"./."[..], b"./empty", b"./taken"]);
        unpack.call("files", [&b"left"[..]]);
        let said = machine.says(unpack, &archive);
        assert_eq!(misplaced(&said), [], "{:?}", machine.shell);
        for name in ["empty", "taken"] {
            let read = fs::read_to_string(machine.at("t").join(name).join("f")).unwrap();
            assert_eq!(read, name, "{:?}", machine.shell);
        }
        let mode = fs::metadata(machine.at("t/empty"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o751, "{:?}", machine.shell);
        assert!(machine.at("t/taken/other").exists(), "{:?}", machine.shell);
        let left = fs::read_dir(machine.at("t")).unwrap().count();
        assert_eq!(left, 2, "{:?}", machine.shell);
    });
}

#[test]
fn a_directory_is_new_until_its_copy_is_complete() {
    on_all(|machine| {
        let asked = |path: &str, name: &str| {
            let said = machine.says(root(path, name), b"");
            let root = Root::parse(&said).unwrap();
            (root.is_in_directory, root.is_new)
        };
        assert_eq!(asked("./t", "app"), (false, true), "{:?}", machine.shell);
        // Interrupted, and again.
        assert_eq!(asked("./t", "app"), (false, true), "{:?}", machine.shell);
        // Another tree is no part of that copy.
        assert_eq!(asked("./t", "other"), (true, true), "{:?}", machine.shell);
        assert_eq!(asked("./t", "other"), (true, true), "{:?}", machine.shell);
        fs::remove_file(machine.at("t/.axt-new")).unwrap();
        assert_eq!(asked("./t", "other"), (true, true), "{:?}", machine.shell);
        fs::remove_file(machine.at("t/other/.axt-new")).unwrap();
        assert_eq!(asked("./t", "other"), (true, false), "{:?}", machine.shell);
    });
}

#[test]
fn parts_of_runs_that_are_over_are_removed() {
    on_all(|machine| {
        let mut sleeps = Command::new("sleep").arg("100").spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", sleeps.id())).unwrap();
        let began = stat.rsplit(')').next().unwrap().split_whitespace().nth(19);
        for (token, holder) in [
            ("0dead", "0dead 999999999 5".to_owned()),
            ("0live", format!("0live {} {}", sleeps.id(), began.unwrap())),
        ] {
            let part = format!("t/a/.{token}.axt-part");
            fs::create_dir_all(machine.at(&part)).unwrap();
            fs::write(machine.at(&part).join("x"), "x").unwrap();
            symlink(holder, machine.at(&format!("t/.{token}.axt-lock"))).unwrap();
        }
        machine.says(root("./t", ""), b"");
        assert!(
            !machine.at("t/a/.0dead.axt-part").exists(),
            "{:?}",
            machine.shell
        );
        assert!(
            machine.at("t/a/.0live.axt-part/x").exists(),
            "{:?}",
            machine.shell
        );
        let left = fs::read_dir(machine.at("t")).unwrap().count();
        assert_eq!(left, 2, "{:?}", machine.shell);
        sleeps.kill().unwrap();
        sleeps.wait().unwrap();
    });
}

#[test]
fn links_to_devices_are_not_taken_for_files() {
    on_all(|machine| {
        symlink("/dev/null", machine.at("device")).unwrap();
        symlink("nowhere", machine.at("nowhere")).unwrap();
        let kind = |name: &str| {
            let said = machine.says(look(&format!("./{name}"), "", 0), b"");
            Look::parse(&said).unwrap().kind
        };
        assert_eq!(kind("device"), FileType::Other, "{:?}", machine.shell);
        assert_eq!(kind("nowhere"), FileType::File, "{:?}", machine.shell);
        let asked = [&b"device"[..], b"nowhere"];
        let script = Script::new(Verb::Names).set("p", "./.").names(asked);
        let said = names(&machine.says(script, b""), 2).unwrap();
        let kinds = [said[0].0, said[1].0];
        assert_eq!(
            kinds,
            [FileType::Other, FileType::Link],
            "{:?}",
            machine.shell
        );
    });
}

#[test]
fn without_stat_only_times_are_unknown() {
    let tools = tempfile::tempdir().unwrap();
    for folder in ["/usr/bin", "/bin"] {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "stat" {
                let _ = symlink(entry.path(), tools.path().join(entry.file_name()));
            }
        }
    }
    on_all(|machine| {
        fs::write(machine.at("f"), "abc").unwrap();
        fs::set_permissions(machine.at("f"), fs::Permissions::from_mode(0o4751)).unwrap();
        for (name, kind) in [("f", FileType::File), ("new", FileType::Missing)] {
            let script = look(&format!("./{name}"), "", 3);
            let script = script.set("PATH", tools.path().to_str().unwrap());
            let said = Look::parse(&machine.says(script, b"")).unwrap();
            assert_eq!(said.kind, kind, "{:?}", machine.shell);
            let state = said.state.map(|state| (state.mode, state.size, state.time));
            let expected = (kind == FileType::File).then_some((0o4751, 3, None));
            assert_eq!(state, expected, "{:?}", machine.shell);
        }
    });
}

#[test]
fn what_can_not_be_listed_is_told_once() {
    on_all(|machine| {
        fs::create_dir_all(machine.at("t/d")).unwrap();
        fs::write(machine.at("t/f"), "abc").unwrap();
        let tools = machine.at("tools");
        tool(
            &tools,
            "find",
            "/usr/bin/find \"$@\"; echo \"find: './d': Permission denied\" >&2; exit 1",
        );
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let tree = Script::new(Verb::Tree).set("p", "./t").set("PATH", path);
        let done = machine.run(tree, b"");
        assert_eq!(done.status.code(), Some(1), "{:?}", machine.shell);
        assert_eq!(Listing::parse(&done.stdout).unwrap().entries.len(), 3);
        assert_eq!(done.stderr, b"find: './d': Permission denied\n");
    });
}

#[test]
fn a_part_with_a_second_name_is_not_gone_on_with() {
    on_all(|machine| {
        let bytes = vec![7; 65_536];
        fs::write(machine.at("precious"), &bytes).unwrap();
        fs::hard_link(machine.at("precious"), machine.at("f.axt-part")).unwrap();
        let more = [&bytes[..], b"more"].concat();
        let done = machine.run(put("./f", "1", more.len(), &sum(&more)), b"more");
        assert_eq!(done.status.code(), Some(1), "{:?}", machine.shell);
        assert!(fs::read(machine.at("precious")).unwrap() == bytes);
    });
}

/// Makes a program in a folder.
fn tool(folder: &Path, name: &str, does: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{does}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_another_user_s_lock_names_is_not_killed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    on_all(|machine| {
        let mut sleeps = Command::new("sleep").arg("100").spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", sleeps.id())).unwrap();
        let began = stat.rsplit(')').next().unwrap().split_whitespace().nth(19);
        let lock = machine.at("f.axt-lock");
        for token in ["ours", "dead"] {
            symlink(format!("{token} {} {}", sleeps.id(), began.unwrap()), &lock).unwrap();
            std::os::unix::fs::lchown(&lock, Some(65_534), Some(65_534)).unwrap();
            let done = machine.run(look("./f", "", 0), b"");
            assert_eq!(done.status.code(), Some(4), "{:?}", machine.shell);
            assert!(sleeps.try_wait().unwrap().is_none(), "{:?}", machine.shell);
            fs::remove_file(&lock).unwrap();
        }
        sleeps.kill().unwrap();
        sleeps.wait().unwrap();
    });
}

#[test]
fn a_lock_that_can_not_be_removed_is_an_error() {
    on_all(|machine| {
        let tools = machine.at("tools");
        tool(&tools, "rm", "echo it is not yours >&2; exit 1");
        symlink("another 999999999 5", machine.at("f.axt-lock")).unwrap();
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let done = machine.run(look("./f", "", 0).set("PATH", path), b"");
        assert_eq!(done.status.code(), Some(1), "{:?}", machine.shell);
        assert_eq!(done.stderr, b"it is not yours\n", "{:?}", machine.shell);
    });
}

fn tree_is_listed(machine: &Machine<'_>) {
    let tree = Script::new(Verb::Tree).set("p", "./t");
    let listing = Listing::parse(&machine.says(tree, b"")).unwrap();
    let digest = |path: &[u8]| {
        let entry = listing.entries.iter().find(|entry| entry.path == path);
        entry.unwrap().digest.clone()
    };
    assert_eq!(listing.entries.len(), 6, "{:?}", machine.shell);
    assert_eq!(digest(b"a/x\ny"), Some(sum(b"one")), "{:?}", machine.shell);
    assert_eq!(digest(b"a/b\\n"), Some(sum(b"two")));
    let link = listing
        .entries
        .iter()
        .find(|entry| entry.path == b"l")
        .unwrap();
    assert_eq!(link.link.as_deref(), Some(&b"-to\n"[..]));
    let asked = [&b"a"[..], b"l", b"z", b"none", b"a/x\ny"];
    let script = Script::new(Verb::Names).set("p", "./t").names(asked);
    let said = names(&machine.says(script, b""), asked.len()).unwrap();
    let kinds: Vec<_> = said.iter().map(|(kind, _)| *kind).collect();
    use FileType::{Directory, File, Link, Missing};
    assert_eq!(kinds, [Directory, Link, File, Missing, File]);
    let asked = [&b"a/x\ny"[..], b"none", b"z"];
    let script = Script::new(Verb::Digests).set("p", "./t").names(asked);
    let said = String::from_utf8(machine.says(script, b"")).unwrap();
    let expected = format!("{}\n\n{}\n", sum(b"one"), sum(b"three"));
    assert_eq!(said, expected, "{:?}", machine.shell);
    let pack = Script::new(Verb::Pack).set("p", "./t").names([&b"z"[..]]);
    let packed = machine.says(pack, b"");
    let mut archive = tar::Archive::new(&*packed);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(&*entry.path_bytes(), b"./z");
    let not = machine.run(
        Script::new(Verb::Tree).set("p", Path::new("./t/z").to_str().unwrap()),
        b"",
    );
    assert_eq!(not.status.code(), Some(6));
}

#[test]
fn variables_come_first_and_survive_every_byte() {
    let mut script = Script::new(Verb::Make).names([&b"a b"[..]]);
    script.call("link", [&b"-to"[..], b"./x"]);
    let text = script.finish();
    assert!(text.starts_with(b"set -- './a b'\n"));
    assert!(text.ends_with(b"\nlink -to ./x\n"));
    let text = Script::new(Verb::Get)
        .set("p", b"./it's\n\xff")
        .set("k", "3")
        .finish();
    assert!(text.starts_with(b"p='./it'\\''s\n\xff'\nk='3'\nLC_ALL=C\n"));
    assert!(!text.windows(2).any(|two| two == b"\n#"));
}
