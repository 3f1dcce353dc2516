//! The proof that a question comes from an instance of this deployment: a signature, with the
//! deployment's secret, over what is asked and who is to answer it. So a proof that was overheard
//! is good for the same question to the same life of an instance, and for nothing else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Signs questions between instances. The same secret makes guests' tokens, which begin
/// differently: neither can stand for the other.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// A key from the deployment's secret; every instance needs the same one.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    pub(super) fn proof(&self, asked: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(self.mac_of(asked).finalize().into_bytes())
    }

    /// In a time that doesn't depend on where the two differ.
    pub(super) fn proves(&self, proof: &str, asked: &[&str]) -> bool {
        let Ok(proof) = URL_SAFE_NO_PAD.decode(proof) else { return false };
        self.mac_of(asked).verify_slice(&proof).is_ok()
    }

    /// Each part with its length, so that no two questions are signed alike.
    fn mac_of(&self, asked: &[&str]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(b"palabre forward v1:");
        for part in asked {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_one_question_and_one_secret() {
        let key = Key::new(b"a secret of the deployment");
        let asked = ["a#1", "GET", "/socket.io/?sid=x", "10.0.0.1"];
        let proof = key.proof(&asked);
        assert!(key.proves(&proof, &asked));
        assert!(!Key::new(b"another secret").proves(&proof, &asked));
        for at in 0..asked.len() {
            let mut other = asked;
            other[at] = "something else";
            assert!(!key.proves(&proof, &other), "{other:?}");
        }
        assert!(!key.proves(&proof, &["a#1G", "ET", "/socket.io/?sid=x", "10.0.0.1"]));
        for bad in ["", "AAAA", "not base64!", &proof[1..]] {
            assert!(!key.proves(bad, &asked), "{bad}");
        }
    }
}
