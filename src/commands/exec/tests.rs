//! The bootstrap's filter, fed by hand.

use super::*;

fn exec(binary: bool) -> Exec {
    Exec::new(&Program {
        what: What::Command(b"true".to_vec()),
        login: false,
        terminal: false,
        binary,
        stdin: true,
    })
    .unwrap()
}

/// A filter that has sent its script.
fn running(binary: bool) -> (Exec, Flow) {
    let (mut exec, mut flow) = (exec(binary), Flow::default());
    let hello = format!("motd\r\n{}?", exec.nonce);
    exec.output(hello.as_bytes(), &mut flow);
    assert!(flow.user.is_empty());
    flow.remote.clear();
    (exec, flow)
}

fn status(flow: &mut Flow) -> Option<String> {
    flow.ending.take().map(|ending| format!("{ending:?}"))
}

#[test]
fn the_script_goes_when_the_far_end_is_ready_and_not_before() {
    let (mut exec, mut flow) = (exec(false), Flow::default());
    let nonce = exec.nonce.clone();
    let (first, second) = nonce.split_at(10);
    exec.output(first.as_bytes(), &mut flow);
    assert!(flow.remote.is_empty());
    assert!(!exec.wants_input());
    exec.output(format!("{second}?").as_bytes(), &mut flow);
    let text = String::from_utf8(flow.remote.to_vec()).unwrap();
    let (len, script) = text.split_at(8);
    assert_eq!(len.parse(), Ok(script.len()));
}

#[test]
fn output_is_the_commands_and_the_status_ends_it() {
    let (mut exec, mut flow) = running(false);
    let mark = exec.mark.clone();
    exec.output(
        format!("one\n{mark}+two\n{mark}=7;late").as_bytes(),
        &mut flow,
    );
    assert_eq!(flow.user, "one\ntwo\n");
    assert_eq!(status(&mut flow).as_deref(), Some("Status(7)"));
    exec.output(b"later", &mut flow);
    assert_eq!(flow.user, "one\ntwo\n");
}

#[test]
fn input_goes_in_chunks_that_are_asked_for() {
    let (mut exec, mut flow) = running(false);
    assert!(!exec.wants_input());
    exec.output(format!("{}+", exec.mark).as_bytes(), &mut flow);
    assert!(exec.wants_input());
    exec.input(b"data\n", &mut flow);
    assert!(!exec.wants_input());
    exec.output(format!("{}+", exec.mark).as_bytes(), &mut flow);
    exec.input_end(&mut flow);
    assert_eq!(flow.remote, "00000005data\n00000000");
}

#[test]
fn encoded_output_is_decoded_and_the_status_is_inside() {
    use base64::Engine;
    let (mut exec, mut flow) = running(true);
    let mark = exec.mark.clone();
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    exec.output(
        format!("{}\n{mark}+", encode(b"\xef\xbf\xbd\xff")).as_bytes(),
        &mut flow,
    );
    exec.output(
        encode(format!("\0{mark}=0;").as_bytes()).as_bytes(),
        &mut flow,
    );
    assert_eq!(flow.user, &b"\xef\xbf\xbd\xff\0"[..]);
    assert!(exec.asked);
    assert_eq!(status(&mut flow).as_deref(), Some("Status(0)"));
}

#[test]
fn an_end_without_a_status_is_a_failure() {
    let (mut exec, mut flow) = running(false);
    exec.output(b"half\x1e", &mut flow);
    let normal = Ending::Normal {
        code: "Exit".into(),
    };
    let Ending::Failed(error) = exec.ended(normal, &mut flow) else {
        panic!("no status, no success");
    };
    assert_eq!(
        error.to_string(),
        "on the instance: the session ended (Exit) before the command did"
    );
    assert_eq!(flow.user, &b"half\x1e"[..]);
}

#[test]
fn a_far_end_without_a_shell_is_quoted() {
    let (mut exec, mut flow) = (exec(false), Flow::default());
    exec.output(b"sh: not found\r\n", &mut flow);
    let normal = Ending::Normal {
        code: String::new(),
    };
    let Ending::Failed(error) = exec.ended(normal, &mut flow) else {
        panic!("no status, no success");
    };
    assert!(
        error.to_string().ends_with("it said: sh: not found"),
        "{error}"
    );
}

#[test]
fn a_missing_tool_is_named() {
    let (mut exec, mut flow) = (exec(false), Flow::default());
    exec.output(format!("{}!stty;", exec.nonce).as_bytes(), &mut flow);
    assert!(status(&mut flow).unwrap().contains("stty is missing"));
}

#[test]
fn a_stop_is_passed_on() {
    let (mut exec, mut flow) = running(false);
    assert!(exec.stop(Stop::Signal(2), &mut flow));
    assert!(exec.stop(Stop::Timeout, &mut flow));
    assert_eq!(flow.remote, "INT     TERM    ");
}

#[test]
fn what_is_typed_early_waits_for_the_terminal() {
    let mut exec = exec(false);
    exec.program.terminal = true;
    let mut flow = Flow::default();
    assert!(exec.wants_input());
    exec.input(b"early", &mut flow);
    let hello = format!("{}?", exec.nonce);
    exec.output(hello.as_bytes(), &mut flow);
    assert!(!flow.remote.ends_with(b"early"));
    flow.remote.clear();
    exec.output(format!("{}+", exec.mark).as_bytes(), &mut flow);
    exec.input(b" late", &mut flow);
    assert_eq!(flow.remote, "early late");
}
