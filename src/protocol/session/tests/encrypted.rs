//! An encrypted session on a virtual clock, against an agent that is honest, hostile or silent.

use super::*;
use crate::protocol::crypto::{Cipher, KEY, KeyPair, KeySource};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const IV: [u8; BLOCK] = [3; BLOCK];
const HELLO: (u8, &str) = (1, r#"{"clientCertificate":false}"#);

/// A session whose first message is on its way.
fn hello(source: KeySource, options: SessionOptions) -> Rig {
    let now = Now {
        at: Instant::now(),
        unix_ms: 1_700_000_000_000,
    };
    let session = Session::new(options, now).encrypted(Exchange::new(IV, source));
    Rig::of(session, now)
}

fn ecdhe() -> KeySource {
    KeySource::Ecdhe(pair(1))
}

fn kms() -> KeySource {
    KeySource::Kms {
        key: Zeroizing::new([5; KEY]),
        ciphertext: "the blob".into(),
    }
}

fn pair(byte: u8) -> KeyPair {
    KeyPair::from_random(&[byte; KEY]).unwrap()
}

/// The agent's public key message, and the cipher that it leads to.
fn answer() -> ((u8, String), Cipher) {
    let json = format!(r#"{{"agentPub":"{}"}}"#, pair(2).public());
    let key = pair(1).agree(&pair(2).public(), "").unwrap();
    ((3, json), Cipher::new(&key, IV))
}

/// A session with a key and a prompt.
fn encrypted() -> (Rig, Cipher) {
    let mut rig = hello(ecdhe(), SessionOptions::default());
    rig.status(&Status::Opened);
    rig.exchange(HELLO.0, HELLO.1);
    let ((action, json), cipher) = answer();
    rig.exchange(action, &json);
    rig.sealed(&cipher, 1, 0, "$ ");
    assert_eq!(rig.output, b"$ ");
    (rig, cipher)
}

impl Rig {
    fn exchange(&mut self, action: u8, json: &str) {
        let mut message = vec![action];
        message.extend_from_slice(json.as_bytes());
        let frame = self.server(Kind::KeyExchange, message);
        self.receive(&frame);
    }

    fn sealed(&mut self, cipher: &Cipher, seq: u32, ack: u32, text: &str) {
        let mut frame = self.server(Kind::Output, cipher.seal(text.as_bytes()));
        (frame.output_seq, frame.input_seq) = (seq, ack);
        self.receive(&frame);
    }

    /// The typed bytes, as the agent reads them.
    fn unsealed(&self, cipher: &Cipher) -> Vec<u8> {
        let inputs = self.sent.iter().filter(|f| f.kind == Kind::Input);
        let plain = inputs.map(|f| cipher.unseal(&f.payload).unwrap());
        plain.flat_map(|bytes| bytes.to_vec()).collect()
    }

    fn exchanged(&self) -> Vec<&[u8]> {
        let frames = self.sent.iter().filter(|f| f.kind == Kind::KeyExchange);
        frames.map(|f| f.payload.as_ref()).collect()
    }
}

#[test]
fn nothing_is_sent_before_there_is_a_key_and_nothing_plain_after() {
    let mut rig = hello(ecdhe(), SessionOptions::default());
    rig.write("secret");
    rig.status(&Status::Opened);
    rig.pass(10 * SECOND);
    assert_eq!(rig.kinds(), [Kind::KeyExchange]);
    let first =
        r#"{"cipherSuite":"AXT_ECDHE_WITH_AES_256_CBC","encryptIV":"AwMDAwMDAwMDAwMDAwMDAw=="}"#;
    assert_eq!(rig.exchanged()[0], ["\0", first].concat().as_bytes());
    rig.exchange(HELLO.0, HELLO.1);
    let second = format!(r#"{{"clientPub":"{}","signature":""}}"#, pair(1).public());
    assert_eq!(rig.exchanged()[1], ["\u{2}", &second].concat().as_bytes());
    let ((action, json), cipher) = answer();
    rig.exchange(action, &json);
    // The agent starts its program now: input waits for it again.
    rig.pass(2 * SECOND);
    assert!(rig.inputs().is_empty());
    rig.sealed(&cipher, 1, 0, "$ ");
    assert_eq!(rig.unsealed(&cipher), b"secret");
    assert_eq!(rig.output, b"$ ");
    assert_eq!(rig.told, ["Opened"]);
    assert!(rig.session.condition().encrypted);
}

#[test]
fn a_data_key_of_kms_travels_as_kms_encrypted_it() {
    let mut rig = hello(kms(), SessionOptions::default());
    rig.exchange(HELLO.0, HELLO.1);
    let wanted = b"\x02{\"kmsCipherTextKey\":\"the blob\"}";
    assert_eq!(rig.exchanged()[1], wanted);
    rig.exchange(3, "{}");
    rig.sealed(&Cipher::new(&[5; KEY], IV), 1, 0, "$ ");
    assert_eq!(rig.output, b"$ ");
}

#[test]
fn an_end_is_announced_in_clear_and_marked_as_unverified() {
    let notice = "The session has terminated. SessionTimeout: 3 hours\n";
    let (mut rig, _) = encrypted();
    rig.output(2, 0, notice);
    rig.session.receive(rig.now, Incoming::Closed(None));
    rig.settle();
    let told = rig.told.last().unwrap();
    let expected = "3 hours (not verified: it came unencrypted)";
    assert!(
        told.contains("SessionTimeout") && told.contains(expected),
        "{told}"
    );
    assert_eq!(rig.output, b"$ ");
    // Before there is a key, too.
    let mut rig = hello(ecdhe(), SessionOptions::default());
    rig.output(1, 0, "The session has terminated. KeyExchangeFailed: \n");
    rig.session.receive(rig.now, Incoming::Closed(Some(1000)));
    rig.settle();
    assert!(rig.told[0].contains("KeyExchangeFailed"), "{:?}", rig.told);
}

#[test]
fn what_comes_in_clear_and_is_not_the_end_is_never_output() {
    let notice = "The session has terminated. SessionTimeout: 3 hours\n";
    let (mut rig, cipher) = encrypted();
    rig.output(2, 0, notice);
    rig.sealed(&cipher, 3, 0, "more");
    let told = rig.told.last().unwrap();
    assert!(told.contains("NotEncrypted"), "{told}");
    assert_eq!(rig.output, b"$ ");
    // A program that prints the same is no announcement: it is encrypted.
    let (mut rig, cipher) = encrypted();
    rig.sealed(&cipher, 2, 0, notice);
    assert_eq!(rig.output, format!("$ {notice}").as_bytes());
}

#[test]
fn sizes_and_no_heartbeats_go_before_there_is_a_key() {
    let keepalive = Keepalive::Every(SECOND);
    let mut rig = hello(
        ecdhe(),
        SessionOptions {
            keepalive,
            ..SessionOptions::default()
        },
    );
    rig.session.resize(rig.now, 24, 80);
    rig.status(&Status::Opened);
    rig.pass(5 * SECOND);
    assert_eq!(rig.kinds(), [Kind::KeyExchange, Kind::Resize]);
    rig.exchange(HELLO.0, HELLO.1);
    rig.exchange(3, &answer().0.1);
    rig.pass(2 * SECOND);
    assert!(rig.inputs().len() > 1);
    assert!(rig.inputs().iter().all(String::is_empty));
}

#[test]
fn an_exchange_has_twenty_seconds() {
    let mut rig = hello(ecdhe(), SessionOptions::default());
    rig.status(&Status::Opened);
    rig.pass(19 * SECOND);
    rig.exchange(HELLO.0, HELLO.1);
    assert_eq!(rig.told, ["Opened"]);
    rig.pass(SECOND);
    assert!(rig.told[1].contains("Timeout"), "{:?}", rig.told);
}

#[test]
fn every_step_out_of_place_ends_the_session_by_its_name() {
    let ((_, good), _) = answer();
    let done = (3, good.as_str());
    let bits = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        format!(r#"{{"agentPub":"{text}"}}"#)
    };
    let mut off = STANDARD.decode(pair(2).public()).unwrap();
    off[64] ^= 1;
    let off = bits(&off);
    let mut nowhere = [1; 65];
    nowhere[0] = 4;
    let (nowhere, short, infinity) = (bits(&nowhere), bits(&[2; 33]), bits(&[0; 65]));
    let refusal = (
        11,
        r#"{"code":"KeyExchangeError.KMSDecryptError","message":"no"}"#,
    );
    let table: &[(&[(u8, &str)], &str)] = &[
        (
            &[(3, &good)],
            "WrongActionTypeError: expected AgentHello and got AgentKeyExchange",
        ),
        (&[(0, "{}")], "WrongActionTypeError"),
        (&[(2, "{}")], "WrongActionTypeError"),
        (&[(99, "{}")], "got Unknown(99)"),
        (
            &[HELLO, HELLO],
            "expected AgentKeyExchange and got AgentHello",
        ),
        (
            &[(1, r#"{"clientCertif"#)],
            "AgentHelloParseError: the message is cut off",
        ),
        (&[(1, "")], "AgentHelloParseError"),
        (&[(1, "[1]")], "AgentHelloParseError"),
        (&[(1, "{}x")], "AgentHelloParseError"),
        (
            &[(1, r#"{"clientCertificate":true}"#)],
            "ClientCertificateError",
        ),
        (&[HELLO, (3, "{}")], "AgentKeyExchangeParseError"),
        (
            &[HELLO, (3, &good[..30])],
            "AgentKeyExchangeParseError: the message is cut off",
        ),
        (
            &[HELLO, (3, r#"{"agentPub":7}"#)],
            "AgentKeyExchangeParseError",
        ),
        (
            &[HELLO, (3, r#"{"agentPub":"?"}"#)],
            "AgentPublicKeyDecodeError: the public key is not Base64",
        ),
        (
            &[HELLO, (3, r#"{"agentPub":""}"#)],
            "has 0 bytes and not 65",
        ),
        (&[HELLO, (3, &off)], "not a point on P-256"),
        (
            &[HELLO, (3, &nowhere)],
            "AgentPublicKeyDecodeError: the public key is not a point on P-256",
        ),
        (
            &[HELLO, (3, &infinity)],
            "the public key is not a point on P-256",
        ),
        (&[HELLO, (3, &short)], "has 33 bytes and not 65"),
        (&[HELLO, done, done], "InvalidKeyExchangeStateError"),
        (&[HELLO, done, HELLO], "InvalidKeyExchangeStateError"),
        (&[refusal], "KeyExchangeError.KMSDecryptError"),
        (&[HELLO, refusal], "KeyExchangeError.KMSDecryptError"),
        (&[HELLO, done, refusal], "KeyExchangeError.KMSDecryptError"),
        (&[(11, "?")], "ErrorParseError"),
    ];
    for (steps, wanted) in table {
        let mut rig = hello(ecdhe(), SessionOptions::default());
        rig.write("secret");
        for (action, json) in *steps {
            rig.exchange(*action, json);
        }
        assert!(
            rig.told.concat().contains(wanted),
            "{wanted}: {:?}",
            rig.told
        );
        rig.pass(60 * SECOND);
        assert!(rig.inputs().is_empty(), "{wanted}");
    }
    let mut rig = hello(ecdhe(), SessionOptions::default());
    let empty = rig.server(Kind::KeyExchange, "");
    rig.receive(&empty);
    assert!(rig.told[0].contains("ActionTypeParseError"));
}

#[test]
fn plain_output_ends_an_encrypted_session_unseen() {
    let mut rig = hello(ecdhe(), SessionOptions::default());
    rig.output(1, 0, "Last login: today");
    assert!(rig.told[0].contains("AgentOutputBeforeKeyExchange"));
    assert!(rig.output.is_empty());
    for text in ["$ ", "exactly sixteen!"] {
        let (mut rig, _) = encrypted();
        rig.output(2, 0, text);
        assert!(rig.told[1].contains("NotEncrypted"), "{:?}", rig.told);
        assert_eq!(rig.output, b"$ ");
    }
}

#[test]
fn half_an_exchange_can_not_be_resumed() {
    for steps in 0..2 {
        let mut rig = hello(ecdhe(), SessionOptions::default());
        (0..steps).for_each(|_| rig.exchange(HELLO.0, HELLO.1));
        rig.session.receive(rig.now, Incoming::Failed("cut".into()));
        rig.settle();
        assert!(rig.told[0].contains("resumable: false"), "{:?}", rig.told);
    }
}

#[test]
fn a_resumed_session_keeps_its_key_and_sends_again_what_it_sent() {
    let (mut rig, cipher) = encrypted();
    rig.write("one");
    rig.write("two");
    let before = rig.sent.clone();
    let inputs = &before[before.len() - 2..];
    rig.session.receive(rig.now, Incoming::Failed("cut".into()));
    rig.settle();
    assert!(rig.told[1].contains("resumable: true"));
    rig.session.connected(rig.now);
    rig.settle();
    rig.sync(1);
    let after = &rig.sent[before.len()..];
    assert_eq!(after[0].kind, Kind::Sync);
    assert_eq!(&after[1..], inputs);
    rig.sealed(&cipher, 2, 2, "still here");
    assert_eq!(rig.output, b"$ still here");
    assert_eq!(rig.exchanged().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_typed_arrives_whole_in_messages_of_2048(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5000), 0..8),
    ) {
        let (mut rig, cipher) = encrypted();
        for chunk in &chunks {
            rig.session.write(rig.now, chunk);
            rig.settle();
        }
        rig.pass(SECOND);
        prop_assert!(rig.sent.iter().all(|frame| frame.payload.len() <= MAX_INPUT));
        prop_assert_eq!(rig.unsealed(&cipher), chunks.concat());
    }

    #[test]
    fn any_exchange_ends_in_a_key_or_in_an_error(
        messages in proptest::collection::vec(
            (prop_oneof![Just(1u8), Just(3), Just(11), any::<u8>()], "\\PC{0,40}"), 1..8),
    ) {
        let mut rig = hello(ecdhe(), SessionOptions::default());
        rig.write("secret");
        for (action, json) in &messages {
            rig.exchange(*action, json);
        }
        rig.pass(30 * SECOND);
        prop_assert!(rig.told.concat().contains("Ended"));
        prop_assert!(rig.inputs().is_empty() && rig.output.is_empty());
    }
}
