//! Guests: who somebody is, proven by a token that the server has signed. Nobody can speak as
//! another by naming its id.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Random letters of a user's id, of six bits each.
const USER_LETTERS: usize = 12;

/// Letters and digits of its id that a guest's name shows.
const NAME_LETTERS: usize = 5;

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
    pub fn user_of(&self, token: &str) -> Option<Arc<str>> {
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
pub fn new_user() -> Arc<str> {
    let mut id = [b'g'; 1 + USER_LETTERS];
    id[1..].copy_from_slice(&gateway::random_letters::<USER_LETTERS>());
    str::from_utf8(&id).expect("these letters are ASCII").into()
}

/// What a guest is called until it says otherwise.
pub fn guest_name(user: &str) -> Arc<str> {
    const BEFORE: &[u8] = b"Guest ";
    let (mut name, mut length) = ([0; BEFORE.len() + NAME_LETTERS], BEFORE.len());
    name[..length].copy_from_slice(BEFORE);
    for byte in user.bytes().filter(u8::is_ascii_alphanumeric).take(NAME_LETTERS) {
        name[length] = byte.to_ascii_uppercase();
        length += 1;
    }
    str::from_utf8(&name[..length]).expect("these letters are ASCII").into()
}

/// `N` random bytes as URL-safe base64.
pub fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random::<N>())
}

/// `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    gateway::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_called_after_its_id() {
        for (user, name) in [("g-_aB-9cD", "Guest GAB9C"), ("g", "Guest G"), ("", "Guest ")] {
            assert_eq!(&*guest_name(user), name);
        }
        let (user, other) = (new_user(), new_user());
        assert_eq!((user.len(), user.as_bytes()[0]), (13, b'g'));
        assert_ne!(user, other);
    }

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
