//! A throwaway sshd with its own keys, and a client configuration that reaches it through axt.

use super::axt::{AXT, Cloud, success, until};
use super::need;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running sshd; gone when dropped.
pub(crate) struct Sshd {
    dir: tempfile::TempDir,
    child: Child,
}

impl Sshd {
    /// Starts one that takes the current user by key; `None` where there is no OpenSSH.
    #[must_use]
    pub(crate) fn start() -> Option<Self> {
        let (sshd, keygen, _) = (need("sshd")?, need("ssh-keygen")?, need("ssh")?);
        let dir = tempfile::tempdir().unwrap();
        for name in ["host", "user"] {
            let mut command = Command::new(&keygen);
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            command.arg(dir.path().join(name));
            let _ = success(command);
        }
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        // Run by root, it wants its empty directory.
        let _ = fs::create_dir_all("/run/sshd");
        let port = free_port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nMaxStartups 100\nSubsystem sftp internal-sftp\n",
            at("host"),
            at("authorized"),
        );
        fs::write(dir.path().join("sshd_config"), config).unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(dir.path().join("sshd_config"))
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        until("sshd never listened", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let sshd = Self { dir, child };
        sshd.write_client_config(port);
        Some(sshd)
    }

    /// `Host i-*` goes through axt, `Host direct` does not.
    fn write_client_config(&self, port: u16) {
        let host_key = fs::read_to_string(self.dir.path().join("host.pub")).unwrap();
        fs::write(self.path("known"), format!("* {host_key}")).unwrap();
        let config = format!(
            "Host direct\n  HostName 127.0.0.1\n  Port {port}\nHost i-*\n  ProxyCommand {} proxy --target-server 127.0.0.1 %h {port}\nHost *\n  IdentityFile {}\n  \
             IdentitiesOnly yes\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n  BatchMode yes\n  \
             LogLevel ERROR\n",
            AXT,
            self.path("user").display(),
            self.path("known").display(),
        );
        fs::write(self.config(), config).unwrap();
    }

    /// The client's configuration: `ssh -F` this.
    #[must_use]
    pub(crate) fn config(&self) -> PathBuf {
        self.path("ssh_config")
    }

    /// A file beside the keys.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `PROGRAM -F CONFIG` in an environment for the emulator.
    #[must_use]
    pub(crate) fn client(&self, cloud: &Cloud, program: &str) -> Command {
        let mut command = cloud.outside(program);
        command.arg("-F").arg(self.config());
        command
    }

    /// `ssh -F CONFIG`, as one word of a shell.
    #[must_use]
    pub(crate) fn ssh_words(&self) -> String {
        format!("ssh -F {}", self.config().display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            eprintln!("sshd's log:\n{log}");
        }
    }
}

/// A port that was free a moment ago.
#[must_use]
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether both files hold the same.
#[must_use]
pub(crate) fn same(a: &Path, b: &Path) -> bool {
    fs::read(a).unwrap() == fs::read(b).unwrap()
}
