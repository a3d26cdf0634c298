//! Terminal sessions with real programs.

use super::*;
use crate::protocol::frame::resize_payload;
use rustix::process::{Pid, test_kill_process};

#[tokio::test]
async fn a_command_runs_in_the_size_told_before_it_starts() {
    let mut client = Client::run("sh -c 'stty size; echo \"$TERM\"; pwd; echo \"$HOME\"'");
    client.send(Kind::Resize, resize_payload(33, 99)).await;
    assert_eq!(client.ended().await, "Ok");
    let home = std::env::var("HOME").unwrap();
    let home = std::fs::canonicalize(home).unwrap();
    let (pwd, home_line) = (home.display(), std::env::var("HOME").unwrap());
    assert_eq!(
        client.text(),
        format!("33 99\r\nxterm-256color\r\n{pwd}\r\n{home_line}\r\n")
    );
}

#[tokio::test]
async fn a_shell_echoes_resizes_and_exits() {
    let options = AgentOptions {
        shell: Some("/bin/sh".into()),
        ..AgentOptions::default()
    };
    let mut client = Client::new(SessionSpec::default(), &options);
    client.input("echo h''i; stty size\n").await;
    client.wait_for("hi\r\n").await;
    client.send(Kind::Resize, resize_payload(50, 132)).await;
    client.input("stty size\n").await;
    client.wait_for("50 132").await;
    client.input("exit 3\n").await;
    assert_eq!(client.ended().await, "Ok");
}

#[tokio::test]
async fn ctrl_c_interrupts() {
    let mut client = Client::run(
        "sh -c 'trap \"echo caught; exit\" INT; echo go; while :; do sleep 0.01; done'",
    );
    client.wait_for("go").await;
    client.input("\x03").await;
    assert_eq!(client.ended().await, "Ok");
    assert!(client.text().contains("caught"), "{}", client.text());
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    for (line, new, old_reason) in [
        (
            "no-such-program-here x",
            "ShellCommandNotFound: no-such-program-here",
            "OpenPtyFailed",
        ),
        (
            "/etc/passwd",
            "ShellCommandPermissionDenied: /etc/passwd",
            "OpenPtyFailed",
        ),
        (
            "echo 'x",
            "MalformedCommandLine: a quote is not closed",
            "OpenPtyFailed",
        ),
        (
            "# nothing",
            "MalformedCommandLine: it has no words",
            "OpenPtyFailed",
        ),
    ] {
        assert_eq!(Client::run(line).ended().await, new);
        assert_eq!(Client::new(command(line), &old()).ended().await, old_reason);
    }
    let mut spec = command("id");
    spec.username = Some("no-such-user-here".into());
    let mut client = Client::new(spec, &AgentOptions::default());
    assert_eq!(client.ended().await, "UserNotExists: no-such-user-here");
}

#[tokio::test]
async fn the_session_lasts_while_something_holds_the_pty() {
    // A session leader's end hangs up its terminal, so the leader itself must live on unread.
    let mut client = Client::run("sh -c '(sleep 0.2; echo late) & echo early; wait'");
    client.wait_for("early").await;
    assert_eq!(client.ended().await, "Ok");
    assert!(client.text().ends_with("late\r\n"), "{:?}", client.text());
}

/// Starts a session whose shell has a child, started with `how`, and lets go of it when both run: the
/// process ids of the two.
async fn let_go_of_a_child(how: &str) -> [i32; 2] {
    let child = r#"sh -c "echo \$\$ runs; exec sleep 1000""#;
    let mut client = Client::run(&format!("sh -c 'echo $$; ({how} {child}) & wait; :'"));
    client.wait_for("runs").await;
    let text = client.text();
    let pids = text.split_whitespace().filter_map(|word| word.parse().ok());
    let pids: Vec<i32> = pids.collect();
    drop(client.agent.to_agent);
    assert_eq!(client.agent.ended.await.unwrap(), "Ok");
    pids.try_into().unwrap()
}

#[tokio::test]
async fn the_end_kills_the_program_and_hangs_up_its_terminal() {
    let [leader, child] = let_go_of_a_child("exec").await;
    let leader = Pid::from_raw(leader).unwrap();
    assert!(
        test_kill_process(leader).is_err(),
        "the leader is gone and reaped"
    );
    // The kernel has sent the signal; the child dies when the system comes around to it.
    let begun = std::time::Instant::now();
    while !is_dead(child) {
        assert!(begun.elapsed().as_secs() < 20, "the child is still there");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_end_spares_what_has_a_session_of_its_own_or_ignores_the_hang_up() {
    for how in ["exec setsid", "trap \"\" HUP; exec"] {
        let [_, child] = let_go_of_a_child(how).await;
        // The leader is reaped, so that the kernel has hung up whatever it does.
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
        let child = Pid::from_raw(child).unwrap();
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
        let field = |name: &str| {
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
            value.trim().to_owned()
        };
        assert!(!field("State:").starts_with('Z'), "{how}: {status}");
        let pending = u64::from_str_radix(&field("ShdPnd:"), 16).unwrap();
        assert_eq!(pending & 1, 0, "{how}: a hang-up is on its way");
    }
}

/// Gone, or a zombie whose new parent has not come around to reaping it.
fn is_dead(pid: i32) -> bool {
    let stat = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let stat = String::from_utf8(stat.stdout).unwrap();
    stat.is_empty() || stat.starts_with('Z')
}

#[tokio::test]
async fn close_ends_the_session() {
    let mut client = Client::run("sleep 1000");
    client.send(Kind::Close, "1").await;
    assert_eq!(client.agent.ended.await.unwrap(), "Ok");
    assert!(client.agent.from_agent.recv().await.is_none());
}

#[tokio::test]
async fn an_old_agent_numbers_nothing_and_drops_what_comes_early() {
    let options = AgentOptions {
        start_delay: Duration::from_secs(1),
        ..old()
    };
    tokio::time::pause();
    let mut client = Client::new(command("cat"), &options);
    client.input("early\n").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::time::resume();
    client.sent = 40;
    client.input("late\n").await;
    client.wait_for("late").await;
    client.input("\x04").await;
    assert_eq!(client.ended().await, "Exit");
    assert_eq!(client.text(), "late\r\nlate\r\n");
    assert_eq!(client.taken, 0);
}

#[tokio::test]
async fn a_new_agent_drops_early_input_and_keeps_the_size() {
    let options = AgentOptions {
        start_delay: Duration::from_secs(1),
        ..AgentOptions::default()
    };
    tokio::time::pause();
    let mut client = Client::new(
        command("sh -c 'read x; echo \"<$x>\"; stty size'"),
        &options,
    );
    client.input("early\n").await;
    client.send(Kind::Resize, resize_payload(33, 99)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::time::resume();
    client.input("late\n").await;
    assert_eq!(client.ended().await, "Ok");
    assert_eq!(client.text(), "late\r\n<late>\r\n33 99\r\n");
}

#[tokio::test]
async fn a_new_agent_announces_its_end_but_for_a_normal_one() {
    for (line, notice) in [
        (
            "no-such-program-here",
            "The session has terminated. ShellCommandNotFound: no-such-program-here\n",
        ),
        ("true", ""),
    ] {
        let options = AgentOptions::default();
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        let mut client = Client::new(command(line), &options);
        let reason = client.ended().await;
        assert_eq!(client.text(), notice);
        // Nothing else takes time here, which passes only when nothing else is left to do.
        let waited = started.elapsed() >= Duration::from_secs(1);
        assert_eq!(waited, !notice.is_empty(), "{reason}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_session_that_is_stopped_from_outside_says_why() {
    for (generation, asked, reason, notice) in [
        (Generation::Old, "IdleTimeout", "Timeout", ""),
        (
            Generation::New,
            "Notified",
            "Notified",
            "The session has terminated. Notified\n",
        ),
    ] {
        let options = AgentOptions {
            generation,
            ..AgentOptions::default()
        };
        let mut client = Client::new(command("sh -c 'echo go; exec sleep 1000'"), &options);
        client.wait_for("go\r\n").await;
        client.agent.stop.take().unwrap().send(asked).unwrap();
        assert_eq!(client.ended().await, reason);
        assert_eq!(client.text(), format!("go\r\n{notice}"));
    }
}

#[tokio::test]
async fn a_slow_agent_waits_and_paces_like_the_real_one() {
    // 200 kbit/s in chunks of 1024 bytes: a pause of 40 ms after each.
    let mut client = Client::new(
        command("sh -c 'stty -opost; head -c 10240 /dev/zero | tr \"\\0\" x; cat'"),
        &AgentOptions::realistic(),
    );
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    while client.screen.len() < 10240 {
        client.recv().await;
    }
    let waits = Duration::from_secs(2) + 9 * Duration::from_millis(40);
    assert!(start.elapsed() >= waits, "{:?}", start.elapsed());
}

#[tokio::test]
async fn root_runs_a_program_as_somebody_else() {
    // Only root can; whoever else runs the tests is told that it can't.
    let mut spec = command("sh -c 'id -un; pwd'");
    spec.username = Some("daemon".into());
    let mut client = Client::new(spec, &AgentOptions::default());
    let reason = client.ended().await;
    if rustix::process::geteuid().is_root() {
        assert_eq!(reason, "Ok");
        assert!(
            client.text().starts_with("daemon\r\n/"),
            "{}",
            client.text()
        );
    } else {
        assert_eq!(reason, "OpenPtyFailed: operation not permitted");
    }
}
