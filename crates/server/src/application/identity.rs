//! Guests: who somebody is, proven by a token that the server has signed. Nobody can speak as
//! another by naming its id.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Random bytes of a user's id: 12 characters of base64.
const USER_BYTES: usize = 9;

/// Signs guests' tokens and checks them.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer with the deployment's secret; every instance needs the same one.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The token that proves to be this user: `v1.<user>.<signature>`.
    pub fn token(&self, user: &str) -> String {
        let signature = self.mac_of(user).finalize().into_bytes();
        format!("v1.{user}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The user that a token proves; `None` where this deployment has not signed it.
    pub fn user_of(&self, token: &str) -> Option<Box<str>> {
        let (user, signature) = token.strip_prefix("v1.")?.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac_of(user).verify_slice(&signature).ok().map(|()| user.into())
    }

    fn mac_of(&self, user: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(b"palabre guest v1:");
        mac.update(user.as_bytes());
        mac
    }
}

/// A new guest's id.
pub fn new_user() -> Box<str> {
    format!("g{}", random_text::<USER_BYTES>()).into()
}

/// What a guest is called until it says otherwise.
pub fn guest_name(user: &str) -> Box<str> {
    let tail: String = user.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    format!("Guest {}", tail.to_ascii_uppercase()).into()
}

/// `N` random bytes as URL-safe base64.
pub fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random::<N>())
}

/// `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_proves_its_user_and_no_other() {
        let signer = Signer::new(b"a secret of the deployment");
        let token = signer.token("gAAAA");
        assert_eq!(signer.user_of(&token).as_deref(), Some("gAAAA"));
        assert_eq!(signer.user_of(&token.replace("gAAAA", "gAAAB")), None);
        assert_eq!(Signer::new(b"another secret").user_of(&token), None);
        for bad in ["", "v1.", "v1.gAAAA", "v1.gAAAA.", "v1.gAAAA.!!", "v2.gAAAA.AA"] {
            assert_eq!(signer.user_of(bad), None, "{bad}");
        }
    }
}
