//! OpenSSH and what runs on top of it, over `axt proxy`: the real programs, a real sshd.

use crate::support::axt::{Cloud, noise, run, success, until};
use crate::support::need;
use crate::support::sshd::{Sshd, same};
use std::fs;

/// The instance; `%h` of the ProxyCommand.
const HOST: &str = "i-demo";

/// What `scp` and its like move.
const FIVE_MB: usize = 5_000_000;

#[test]
fn a_command_returns_its_output_and_its_status() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::unlimited();
    let mut ssh = sshd.client(&cloud, "ssh");
    ssh.args([HOST, "printf 'a\\0b'; echo oops >&2; exit 42"]);
    let done = run(ssh, b"");
    assert_eq!((done.status, &done.stdout[..]), (42, &b"a\0b"[..]));
    assert_eq!(done.stderr, "oops\n");
    // ssh doesn't wait for its proxy.
    let counts = || cloud.emulator.counts();
    until("the session's end", || {
        counts().leaked == 0 && counts().agents == 0
    });
}

#[test]
fn scp_copies_both_ways() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::unlimited();
    fs::write(sshd.path("original"), noise(FIVE_MB, 1)).unwrap();
    let far = |name: &str| format!("{HOST}:{}", sshd.path(name).display());
    let mut up = sshd.client(&cloud, "scp");
    up.arg(sshd.path("original")).arg(far("there"));
    let _ = success(up);
    assert!(same(&sshd.path("original"), &sshd.path("there")));
    let mut down = sshd.client(&cloud, "scp");
    down.arg(far("there")).arg(sshd.path("back"));
    let _ = success(down);
    assert!(same(&sshd.path("original"), &sshd.path("back")));
}

#[test]
fn sftp_copies_both_ways() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::unlimited();
    fs::write(sshd.path("original"), noise(300_000, 2)).unwrap();
    let batch = format!(
        "put {0}/original {0}/there\nget {0}/there {0}/back\n",
        sshd.path("").display()
    );
    fs::write(sshd.path("batch"), batch).unwrap();
    let mut sftp = sshd.client(&cloud, "sftp");
    sftp.arg("-b").arg(sshd.path("batch")).arg(HOST);
    let _ = success(sftp);
    assert!(same(&sshd.path("original"), &sshd.path("back")));
}

#[test]
fn rsync_copies_a_tree() {
    let (Some(sshd), Some(rsync)) = (Sshd::start(), need("rsync")) else {
        return;
    };
    let cloud = Cloud::unlimited();
    let tree = sshd.path("tree");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    for n in 0..20 {
        fs::write(tree.join(format!("deep/er/{n}")), noise(n * 997, n as u64)).unwrap();
    }
    let mut copy = cloud.outside(rsync);
    copy.args(["-a", "-e", &sshd.ssh_words()])
        .arg(format!("{}/", tree.display()))
        .arg(format!("{HOST}:{}", sshd.path("copy").display()));
    let _ = success(copy);
    for n in 0..20 {
        let name = format!("deep/er/{n}");
        assert!(same(&tree.join(&name), &sshd.path("copy").join(&name)));
    }
}

#[test]
fn git_clones() {
    let (Some(sshd), Some(git)) = (Sshd::start(), need("git")) else {
        return;
    };
    let cloud = Cloud::unlimited();
    let repo = sshd.path("repo");
    let call = |args: &[&str]| {
        let mut command = cloud.outside(&git);
        command
            .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
            .args(args)
            .env("GIT_SSH_COMMAND", sshd.ssh_words())
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        success(command)
    };
    let (at, clone) = (repo.display().to_string(), sshd.path("clone"));
    let _ = call(&["init", "-q", &at]);
    fs::write(repo.join("file"), noise(1_000_000, 3)).unwrap();
    let _ = call(&["-C", &at, "add", "file"]);
    let _ = call(&["-C", &at, "commit", "-q", "-m", "one"]);
    let url = format!("ssh://{HOST}{at}");
    let _ = call(&["clone", "-q", &url, &clone.display().to_string()]);
    assert!(same(&repo.join("file"), &clone.join("file")));
}

#[test]
fn ansible_pings_and_copies() {
    let (Some(sshd), Some(ansible), Some(python)) =
        (Sshd::start(), need("ansible"), need("python3"))
    else {
        return;
    };
    let cloud = Cloud::unlimited();
    fs::write(sshd.path("original"), noise(100_000, 4)).unwrap();
    // A version manager's stand-in for Python may not work in another environment: the real one does.
    let mut asked = cloud.outside(python);
    asked.args(["-c", "import sys; print(sys.executable)"]);
    let python = String::from_utf8(success(asked)).unwrap();
    let interpreter = format!("ansible_python_interpreter={}", python.trim());
    let call = |module: &str, args: &str| {
        let mut command = cloud.outside(&ansible);
        let common = format!("-F {} -o ControlMaster=no", sshd.config().display());
        command
            .args(["all", "-i", &format!("{HOST},"), "-m", module, "-a", args])
            .args(["-e", &interpreter])
            .args(["--ssh-common-args", &common])
            .env("ANSIBLE_LOCAL_TEMP", sshd.path("local"))
            .env("ANSIBLE_REMOTE_TEMP", sshd.path("remote"))
            .env("ANSIBLE_HOST_KEY_CHECKING", "False");
        String::from_utf8(success(command)).unwrap()
    };
    assert!(call("ping", "").contains("\"ping\": \"pong\""));
    let (from, to) = (sshd.path("original"), sshd.path("copied"));
    let copied = call(
        "copy",
        &format!("src={} dest={}", from.display(), to.display()),
    );
    assert!(copied.contains("CHANGED"), "{copied}");
    assert!(same(&from, &to));
}
