//! The pass: proof of a sign-in at a gate, valid for some hours. The server stores no passes; it recognises them by
//! their MAC.
//!
//! ```text
//! pass = version 0x01 ‖ gate u8 ‖ expires u64, in Unix seconds ‖ fingerprint 16 ‖ subject ‖ MAC 32
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use subtle::ConstantTimeEq as _;
use wire::{Pass, door::Gate, limits};
use zeroize::Zeroizing;

use crate::ServerSecret;

const VERSION: u8 = 1;
const FINGERPRINT: usize = 16;
const MAC: usize = 32;
const LABEL: &str = "pass";

/// The part of a credential's hash that a pass contains. When the credential changes, its passes become invalid.
pub(crate) type Fingerprint = [u8; FINGERPRINT];

/// The content of a pass: the gate, and the credential shown there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) gate: Gate,
    /// The name of the token or the account, or the mailbox.
    pub(crate) subject: String,
    pub(crate) fingerprint: Fingerprint,
}

/// Returns the first bytes of a hash.
pub(crate) fn fingerprint(hash: &[u8; 32]) -> Fingerprint {
    let mut fingerprint = [0; FINGERPRINT];
    fingerprint.iter_mut().zip(hash).for_each(|(out, byte)| *out = *byte);
    fingerprint
}

/// Returns the Unix time in seconds.
pub(crate) fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

fn number(gate: Gate) -> u8 {
    match gate {
        Gate::Open => 0,
        Gate::Token => 1,
        Gate::People => 2,
        Gate::Email => 3,
    }
}

fn gate_of(number: u8) -> Option<Gate> {
    [Gate::Token, Gate::People, Gate::Email].into_iter().find(|gate| self::number(*gate) == number)
}

/// Makes a pass. Returns `None` if the subject is too long.
pub(crate) fn make(bearer: &Bearer, secret: &ServerSecret, now: SystemTime) -> Option<Pass> {
    let expires = unix_seconds(now) + limits::PASS_LIFETIME.as_secs();
    let mut bytes = Zeroizing::new(vec![VERSION, number(bearer.gate)]);
    bytes.extend(expires.to_be_bytes());
    bytes.extend(bearer.fingerprint);
    bytes.extend(bearer.subject.as_bytes());
    let mac = secret.gate_hash(LABEL, &[&bytes]);
    bytes.extend(mac.as_bytes());
    Pass::from_text(Base64UrlUnpadded::encode_string(&bytes).into())
}

/// Returns the content of a pass, if this server made it and it has not expired.
pub(crate) fn read(pass: &Pass, secret: &ServerSecret, now: SystemTime) -> Option<Bearer> {
    let bytes = Zeroizing::new(Base64UrlUnpadded::decode_vec(pass.as_str()).ok()?);
    let (content, mac) = bytes.split_last_chunk::<MAC>()?;
    if !bool::from(secret.gate_hash(LABEL, &[content]).ct_eq(&(*mac).into())) {
        return None;
    }
    let ([version, gate], rest) = content.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (fingerprint, subject) = rest.split_first_chunk()?;
    if *version != VERSION || u64::from_be_bytes(*expires) <= unix_seconds(now) {
        return None;
    }
    let subject = String::from_utf8(subject.to_vec()).ok()?;
    Some(Bearer { gate: gate_of(*gate)?, subject, fingerprint: *fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer() -> Bearer {
        Bearer { gate: Gate::People, subject: "zoë".into(), fingerprint: [7; 16] }
    }

    #[test]
    fn passes_last_twelve_hours_and_survive_a_restart() {
        let secret = || ServerSecret::with_salt_key(&[1; 32]).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let pass = make(&bearer(), &secret(), now).unwrap();
        assert_eq!(read(&pass, &secret(), now), Some(bearer()));
        assert_eq!(read(&pass, &secret(), now + limits::PASS_LIFETIME - Duration::from_secs(1)), Some(bearer()));
        assert_eq!(read(&pass, &secret(), now + limits::PASS_LIFETIME), None);
        assert_eq!(read(&pass, &ServerSecret::with_salt_key(&[2; 32]).unwrap(), now), None);
    }

    #[test]
    fn altered_passes_are_refused() {
        let secret = ServerSecret::with_salt_key(&[1; 32]).unwrap();
        let now = SystemTime::now();
        let text = make(&bearer(), &secret, now).unwrap().as_str().to_owned();
        let bytes = Base64UrlUnpadded::decode_vec(&text).unwrap();
        for at in 0..bytes.len() {
            for altered in [
                bytes.iter().enumerate().map(|(i, byte)| if i == at { byte ^ 1 } else { *byte }).collect::<Vec<_>>(),
                bytes[..at].to_vec(),
            ] {
                let pass = Pass::from_text(Base64UrlUnpadded::encode_string(&altered).into()).unwrap();
                assert_eq!(read(&pass, &secret, now), None, "byte {at}");
            }
        }
    }

    #[test]
    fn too_long_subject_gets_no_pass() {
        let secret = ServerSecret::random().unwrap();
        let bearer = Bearer { subject: "x".repeat(limits::PASS_CHARS), ..bearer() };
        assert!(make(&bearer, &secret, SystemTime::now()).is_none());
    }
}
