//! Round trips, and the vectors of other implementations (`tests/vectors/make_crypto.py`).

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/crypto.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

#[test]
fn the_cipher_is_the_one_of_openssl_by_python() {
    let vectors = vectors();
    let vectors = vectors["cipher"].as_array().unwrap();
    assert!(vectors.len() > 10);
    for vector in vectors {
        let cipher = Cipher::new(&fixed(&vector["key"]), fixed(&vector["iv"]));
        let (plain, sealed) = (bytes(&vector["plain"]), bytes(&vector["sealed"]));
        assert_eq!(cipher.seal(&plain), sealed);
        assert_eq!(cipher.unseal(&sealed).unwrap(), plain);
    }
}

#[test]
fn paddings_that_are_none_are_refused() {
    for vector in vectors()["bad_padding"].as_array().unwrap() {
        let cipher = Cipher::new(&fixed(&vector["key"]), fixed(&vector["iv"]));
        assert!(
            cipher.unseal(&bytes(&vector["sealed"])).is_err(),
            "{vector}"
        );
    }
}

#[test]
fn whole_exchanges_come_to_the_same_key() {
    for vector in vectors()["ecdhe"].as_array().unwrap() {
        let pair = KeyPair::from_random(&fixed(&vector["client_private"])).unwrap();
        assert_eq!(pair.public(), vector["client_pub"].as_str().unwrap());
        let iv = fixed(&vector["iv"]);
        let mut exchange = Exchange::new(iv, KeySource::Ecdhe(pair));
        assert_eq!(exchange.hello(), bytes(&vector["client_hello"]));
        let Step::Send(key) = exchange.receive(&bytes(&vector["agent_hello"])).unwrap() else {
            panic!("the client's key is due");
        };
        assert_eq!(key, bytes(&vector["client_key_exchange"]));
        let Step::Done(cipher) = exchange
            .receive(&bytes(&vector["agent_key_exchange"]))
            .unwrap()
        else {
            panic!("there is a key");
        };
        assert_eq!(cipher.seal(b"hello world"), bytes(&vector["hello_world"]));
        let agent = KeyPair::from_random(&fixed(&vector["agent_private"])).unwrap();
        let client_pub = vector["client_pub"].as_str().unwrap();
        let shared = agent.agree(client_pub, "").unwrap();
        assert_eq!(&shared[..], bytes(&vector["shared"]));
    }
}

#[test]
fn public_keys_that_are_none_are_refused() {
    let pair = KeyPair::from_random(&[1; KEY]).unwrap();
    for vector in vectors()["bad_public_keys"].as_array().unwrap() {
        let public = vector["public"].as_str().unwrap();
        let fault = pair
            .agree(public, "ClientPublicKeyDecodeError")
            .unwrap_err();
        assert_eq!(fault.name(), "ClientPublicKeyDecodeError", "{vector}");
    }
}

#[test]
fn numbers_that_are_no_private_key_are_drawn_again() {
    assert!(KeyPair::from_random(&[0; KEY]).is_none());
    assert!(KeyPair::from_random(&[0xff; KEY]).is_none());
}

#[test]
fn debug_shows_no_secret() {
    let exchange = Exchange::new(
        [7; BLOCK],
        KeySource::Kms {
            key: zeroize::Zeroizing::new([5; KEY]),
            ciphertext: "blob".into(),
        },
    );
    let shown = format!("{:?}", Privacy::after(exchange));
    assert!(
        !shown.contains("5, 5") && !shown.contains("blob"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn what_is_sealed_is_unsealed(
        key in any::<[u8; KEY]>(),
        iv in any::<[u8; BLOCK]>(),
        plain in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let cipher = Cipher::new(&key, iv);
        let sealed = cipher.seal(&plain);
        prop_assert_eq!(sealed.len(), plain.len() / BLOCK * BLOCK + BLOCK);
        prop_assert_eq!(cipher.unseal(&sealed).unwrap(), plain);
    }

    #[test]
    fn any_payload_is_unsealed_or_refused(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(plain) = Cipher::new(&[1; KEY], [2; BLOCK]).unseal(&payload) {
            prop_assert!(plain.len() < payload.len());
        }
    }
}
