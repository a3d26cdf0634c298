//! Encrypted sessions: the whole exchange, and clients that get it wrong.

use super::*;
use crate::protocol::crypto::{Cipher, Exchange, KEY, KeyPair, KeySource, Step};

const IV: [u8; 16] = [9; 16];
const HELLO: &str =
    "\0{\"cipherSuite\":\"AXT_ECDHE_WITH_AES_256_CBC\",\"encryptIV\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}";

fn encrypted(options: &AgentOptions) -> Client {
    Client::new(encrypted_spec(), options)
}

fn encrypted_spec() -> SessionSpec {
    let mut spec = command("sh -c 'stty -echo; echo ready; read x; echo \"<$x>\"'");
    spec.encryption = Some(SessionEncryption::Auto);
    spec
}

fn ecdhe() -> KeySource {
    KeySource::Ecdhe(KeyPair::from_random(&[1; KEY]).unwrap())
}

impl Client {
    async fn exchange(&mut self, message: impl Into<Bytes>) {
        self.send(Kind::KeyExchange, message).await;
    }

    async fn answer(&mut self) -> Bytes {
        let frame = self.recv().await;
        assert_eq!(frame.kind, Kind::KeyExchange);
        frame.payload
    }

    async fn agree(&mut self, source: KeySource) -> Cipher {
        let mut exchange = Exchange::new(IV, source);
        self.exchange(exchange.hello()).await;
        loop {
            match exchange.receive(&self.answer().await).unwrap() {
                Step::Send(message) => self.exchange(message).await,
                Step::Done(cipher) => return cipher,
            }
        }
    }

    /// Sends `steps`, reads to the end: the code of the error message, and the reason.
    async fn refused(&mut self, steps: &[&'static [u8]]) -> (String, String) {
        for step in steps {
            self.exchange(*step).await;
        }
        let mut code = String::new();
        loop {
            tokio::select! {
                biased;
                Some(frame) = self.agent.from_agent.recv() => {
                    if frame.kind == Kind::Output {
                        assert!(frame.payload.starts_with(b"The session has terminated. "));
                        continue;
                    }
                    if let Some((11, json)) = frame.payload.split_first() {
                        let error: serde_json::Value = serde_json::from_slice(json).unwrap();
                        code = error["code"].as_str().unwrap().to_owned();
                    }
                }
                reason = &mut self.agent.ended => return (code, reason.unwrap()),
            }
        }
    }
}

#[tokio::test]
async fn both_suites_lead_to_a_shell_that_speaks_in_cipher_only() {
    let kms = Arc::new(Kms::default());
    let (key, ciphertext) = kms.generate();
    for source in [ecdhe(), KeySource::Kms { key, ciphertext }] {
        let options = AgentOptions::default();
        let mut client = Client::with_kms(encrypted_spec(), &options, kms.clone());
        let cipher = client.agree(source).await;
        let first = client.recv().await;
        assert_eq!(cipher.unseal(&first.payload).unwrap(), "ready\r\n");
        client.send(Kind::Input, cipher.seal(b"word\n")).await;
        let second = client.recv().await;
        assert_eq!(cipher.unseal(&second.payload).unwrap(), "<word>\r\n");
        assert_eq!(client.ended().await, "Ok");
    }
}

#[tokio::test]
async fn the_end_is_announced_in_clear() {
    let mut client = encrypted(&AgentOptions::default());
    client.agree(ecdhe()).await;
    client.recv().await;
    let stop = client.agent.stop.take().unwrap();
    stop.send("IdleTimeout").unwrap();
    assert_eq!(client.ended().await, "IdleTimeout");
    let notice = b"The session has terminated. IdleTimeout: The connection is automatically disconnected because the idle time is too long (exceeds 180 seconds).\n";
    assert!(client.screen.ends_with(notice));
}

#[tokio::test]
async fn an_echo_is_encrypted_too() {
    let mut client = encrypted(&echo());
    let cipher = client.agree(ecdhe()).await;
    client.send(Kind::Input, "").await;
    client.send(Kind::Input, cipher.seal(b"ping")).await;
    let frame = client.recv().await;
    assert_eq!(cipher.unseal(&frame.payload).unwrap(), "ping");
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_without_a_key_and_the_exchange_times_out_after_20_seconds() {
    let mut client = encrypted(&AgentOptions::default());
    let start = tokio::time::Instant::now();
    assert_eq!(
        client.ended().await,
        "KeyExchangeFailed: key exchange timeout"
    );
    // And one second after the announcement.
    assert_eq!(start.elapsed(), Duration::from_secs(21));
    assert_eq!(
        client.text(),
        "The session has terminated. KeyExchangeFailed: key exchange timeout\n"
    );
}

#[tokio::test]
async fn each_error_of_a_client_has_its_name() {
    let bad_iv = b"\0{\"cipherSuite\":\"AXT_KMS_WITH_AES_256_CBC\",\"encryptIV\":\"AAAA\"}";
    let no_suite = b"\0{\"cipherSuite\":\"ROT13\",\"encryptIV\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}";
    let kms = b"\0{\"cipherSuite\":\"AXT_KMS_WITH_AES_256_CBC\",\"encryptIV\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}";
    let hello = HELLO.as_bytes();
    let table: &[(&[&'static [u8]], &str)] = &[
        (&[b""], "ActionTypeParseError"),
        (&[b"\x02{}"], "WrongActionTypeError"),
        (&[b"\x63{}"], "WrongActionTypeError"),
        (&[b"\x00{"], "ClientHelloParseError"),
        (&[b"\x00{}"], "ClientHelloParseError"),
        (&[bad_iv], "IVDecodeError"),
        (&[no_suite], "UnknownCipherSuiteError"),
        (&[hello, hello], "WrongActionTypeError"),
        (&[hello, b"\x02{}"], "ClientKeyExchangeParseError"),
        (
            &[hello, b"\x02{\"clientPub\":\"BAAA\"}"],
            "ClientPublicKeyDecodeError",
        ),
        (
            &[kms, b"\x02{\"kmsCipherTextKey\":\"AAAA\"}"],
            "KMSDecryptError",
        ),
    ];
    for (steps, name) in table {
        let mut client = encrypted(&AgentOptions::default());
        let (code, reason) = client.refused(steps).await;
        let wanted = format!("KeyExchangeError.{name}");
        assert_eq!(code, wanted);
        assert!(
            reason.starts_with(&format!("KeyExchangeFailed: {wanted}")),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn input_that_is_early_or_plain_ends_the_session() {
    let mut client = encrypted(&AgentOptions::default());
    client.input("early").await;
    let (code, _) = client.refused(&[]).await;
    assert_eq!(code, "KeyExchangeError.RecvDataMessageBeforeKeyExchange");
    let mut client = encrypted(&echo());
    client.agree(ecdhe()).await;
    client.input("plain").await;
    let (code, _) = client.refused(&[]).await;
    assert_eq!(code, "KeyExchangeError.NotEncrypted");
}

#[tokio::test]
async fn an_exchange_out_of_place_ends_the_session() {
    let mut client = encrypted(&echo());
    client.agree(ecdhe()).await;
    let (code, _) = client.refused(&[HELLO.as_bytes()]).await;
    assert_eq!(code, "KeyExchangeError.InvalidKeyExchangeStateError");
    let mut plain = Client::new(command("cat"), &echo());
    let (code, reason) = plain.refused(&[HELLO.as_bytes()]).await;
    assert_eq!(code, "");
    assert_eq!(reason, "KeyExchangeFailed: key exchange is not enabled");
}
