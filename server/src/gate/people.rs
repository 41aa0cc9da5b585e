//! Accounts: the hashed verifiers of their passwords, and their second factors, in one JSON file.
//!
//! A code works once: the server writes its use to the file before it accepts the sign-in.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use totp_rs::{Builder, Secret, Totp};
use wire::{PersonName, Refusal, Salt, Verifier};
use zeroize::Zeroizing;

use super::pass::{Fingerprint, fingerprint};
use crate::{ServerSecret, StateError, StateFolder, secret::GateHash};

/// The file's name in the state folder.
pub(crate) const FILE: &str = "people";
/// Recovery codes per account.
pub(crate) const RECOVERY_CODES: usize = 8;
/// Digits in a recovery code. Only digits, so that a phone's keypad suffices.
const RECOVERY_DIGITS: usize = 20;
/// Digits in a one-time code.
pub(crate) const CODE_DIGITS: usize = 6;
/// Random bytes in a TOTP secret, the length of SHA-1's output (RFC 4226, section 4, R6).
const SECRET_BYTES: usize = 20;

#[derive(Serialize, Deserialize)]
struct Person {
    name: PersonName,
    verifier: Hash,
    /// The TOTP secret in base32.
    totp: Zeroizing<String>,
    /// The time step of the last accepted code.
    last_step: u64,
    recovery: Vec<Hash>,
}

/// 32 bytes in base64url.
struct Hash(GateHash);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64UrlUnpadded::encode_string(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(String::deserialize(deserializer)?, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes.into())),
            _ => Err(de::Error::custom("expected 32 bytes in base64url")),
        }
    }
}

/// The accounts in the file.
#[derive(Default, Serialize, Deserialize)]
pub struct People {
    people: Vec<Person>,
}

/// The second factors of an account, shown once.
pub struct Factors {
    /// The `otpauth` URL for an authenticator app, to show as a QR code.
    pub url: Zeroizing<String>,
    /// The same secret in base32, to type into the app.
    pub secret: Zeroizing<String>,
    /// The recovery codes, each of twenty digits.
    pub recovery: Vec<Zeroizing<String>>,
}

/// The credentials of a sign-in.
pub(crate) struct Credentials<'a> {
    pub(crate) name: &'a PersonName,
    pub(crate) verifier: &'a Verifier,
    pub(crate) code: Option<&'a str>,
}

/// The kind of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeKind {
    OneTime,
    Recovery,
    Neither,
}

/// Returns a code without spaces and hyphens.
fn digits(code: &str) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(code.len()));
    digits.extend(code.chars().filter(|c| !c.is_whitespace() && *c != '-'));
    digits
}

impl CodeKind {
    /// Returns the kind of a code by its number of digits.
    pub(crate) fn of(code: &str) -> Self {
        let digits = digits(code);
        match digits.len() {
            _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => Self::Neither,
            CODE_DIGITS => Self::OneTime,
            RECOVERY_DIGITS => Self::Recovery,
            _ => Self::Neither,
        }
    }
}

fn verifier_hash(secret: &ServerSecret, name: &PersonName, verifier: &Verifier) -> GateHash {
    secret.gate_hash("person verifier", &[name.as_str().as_bytes(), verifier.as_bytes()])
}

fn recovery_hash(secret: &ServerSecret, name: &PersonName, digits: &str) -> GateHash {
    secret.gate_hash("person recovery", &[name.as_str().as_bytes(), digits.as_bytes()])
}

impl People {
    /// Returns the server's part of the salt for an account's password. It does not depend on whether the account
    /// exists.
    #[must_use]
    pub fn salt(secret: &ServerSecret, name: &PersonName) -> Salt {
        Salt::from(*secret.gate_hash("person salt", &[name.as_str().as_bytes()]).as_bytes())
    }

    /// Reads the file. A missing file counts as empty.
    ///
    /// # Errors
    /// When the file cannot be read, or its format is not that of the commands.
    pub fn read(folder: &StateFolder) -> Result<Self, StateError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(Self::default()) };
        let fault = |error: serde_json::Error| {
            // The error's own text could quote a secret.
            let at = format!("line {}, column {}: not the format of cloakroom people", error.line(), error.column());
            StateError::Content(folder.path(FILE), at)
        };
        let people: Self = serde_json::from_slice(&bytes).map_err(fault)?;
        for person in &people.people {
            if person.totp().is_none() {
                let fault = format!("{}: the TOTP secret is not base32 of at least 16 bytes", person.name.as_str());
                return Err(StateError::Content(folder.path(FILE), fault));
            }
        }
        Ok(people)
    }

    fn write(&self, folder: &StateFolder) -> Result<(), StateError> {
        // Allocated at full size, because a vector that grows leaves copies of the secrets behind.
        let mut text = Zeroizing::new(Vec::with_capacity(1024 * (1 + self.people.len())));
        serde_json::to_writer_pretty(&mut *text, self).map_err(|error| folder.failed(FILE, error))?;
        text.push(b'\n');
        folder.write(FILE, &text)
    }

    /// Returns the account names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.people.iter().map(|person| person.name.as_str())
    }

    /// Returns the fingerprint in this account's passes.
    pub(crate) fn fingerprint(&self, name: &str) -> Option<Fingerprint> {
        let person = self.people.iter().find(|person| person.name.as_str() == name)?;
        Some(person.fingerprint())
    }

    /// Checks password and code, and uses the code up. Returns the fingerprint for the pass, or the reason for refusal.
    /// `now` is in Unix seconds.
    pub(crate) fn sign_in(
        folder: &StateFolder,
        secret: &ServerSecret,
        credentials: &Credentials<'_>,
        now: u64,
    ) -> Result<Result<Fingerprint, Refusal>, StateError> {
        let hash = verifier_hash(secret, credentials.name, credentials.verifier);
        let knows_password = |person: &Person| bool::from(hash.ct_eq(&person.verifier.0));
        let is_named = |person: &&Person| person.name == *credentials.name;
        match Self::read(folder)?.people.iter().find(is_named) {
            None => {
                // An unknown name takes the same steps as a wrong password.
                let _ = bool::from(hash.ct_eq(&[0; 32].into()));
                return Ok(Err(Refusal::WrongPerson));
            }
            Some(person) if !knows_password(person) => return Ok(Err(Refusal::WrongPerson)),
            Some(_) => {}
        }
        let Some(code) = credentials.code else { return Ok(Err(Refusal::CodeWanted)) };
        // Locks only after the password is right, so that guesses do not delay the commands. The lock makes a code work
        // only once when it is shown twice at the same time.
        let _lock = folder.lock()?;
        let mut people = Self::read(folder)?;
        let person = people.people.iter_mut().find(|person| person.name == *credentials.name);
        let Some(person) = person.filter(|person| knows_password(person)) else {
            return Ok(Err(Refusal::WrongPerson));
        };
        if !person.spend(secret, code, now) {
            return Ok(Err(Refusal::WrongCode));
        }
        let fingerprint = person.fingerprint();
        people.write(folder)?;
        Ok(Ok(fingerprint))
    }

    /// Adds an account if `is_new`, otherwise gives an existing one a new password and new factors. Returns `None` if a
    /// new name is listed already, or an existing one is not listed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn put(
        folder: &StateFolder,
        secret: &ServerSecret,
        name: &PersonName,
        verifier: &Verifier,
        issuer: &str,
        is_new: bool,
    ) -> Result<Option<Factors>, StateError> {
        let _lock = folder.lock()?;
        let mut people = Self::read(folder)?;
        let at = people.people.iter().position(|person| person.name == *name);
        if at.is_some() == is_new {
            return Ok(None);
        }
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        getrandom::fill(&mut bytes).map_err(|error| folder.failed(FILE, error))?;
        let factor = Secret::from(bytes.to_vec());
        let totp = Zeroizing::new(factor.to_base32());
        let url = Builder::new()
            .with_secret(factor)
            // A colon separates issuer and account in the label, so neither may contain one.
            .with_issuer(Some(issuer.replace(':', " ")))
            .with_account_name(name.as_str().replace(':', " "))
            .build()
            .and_then(|totp| totp.to_url())
            .map_err(|error| folder.failed(FILE, error))?;
        let mut recovery = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            recovery.push(random_digits(RECOVERY_DIGITS).map_err(|error| folder.failed(FILE, error))?);
        }
        let person = Person {
            name: name.clone(),
            verifier: Hash(verifier_hash(secret, name, verifier)),
            totp: totp.clone(),
            last_step: 0,
            recovery: recovery.iter().map(|code| Hash(recovery_hash(secret, name, code))).collect(),
        };
        match at.and_then(|at| people.people.get_mut(at)) {
            Some(before) => *before = person,
            None => people.people.push(person),
        }
        people.write(folder)?;
        Ok(Some(Factors { url: url.into(), secret: totp, recovery }))
    }

    /// Removes an account. Returns false if the name is not listed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn remove(folder: &StateFolder, name: &PersonName) -> Result<bool, StateError> {
        let _lock = folder.lock()?;
        let mut people = Self::read(folder)?;
        let before = people.people.len();
        people.people.retain(|person| person.name != *name);
        let was_listed = people.people.len() < before;
        if was_listed {
            people.write(folder)?;
        }
        Ok(was_listed)
    }
}

impl Person {
    /// Covers the TOTP secret too, so that a reset to the same password still invalidates passes.
    fn fingerprint(&self) -> Fingerprint {
        let hash = Sha256::new().chain_update(self.verifier.0.as_bytes()).chain_update(self.totp.as_bytes()).finalize();
        fingerprint(&hash.into())
    }

    /// RFC 6238 with SHA-1, six digits and steps of 30 s, as every app supports. Accepts one step of drift either way.
    fn totp(&self) -> Option<Totp> {
        let secret = Secret::try_from_base32(&*self.totp).ok()?;
        Builder::new().with_secret(secret).with_account_name("x").build().ok()
    }

    /// Returns true for a right code that was not used before, and marks it as used.
    fn spend(&mut self, secret: &ServerSecret, code: &str, now: u64) -> bool {
        let digits = digits(code);
        match CodeKind::of(code) {
            CodeKind::Neither => false,
            CodeKind::OneTime => {
                let step = self.totp().and_then(|totp| totp.check(&digits, now));
                let is_new = step.is_some_and(|step| step > self.last_step);
                self.last_step = step.filter(|_| is_new).unwrap_or(self.last_step);
                is_new
            }
            CodeKind::Recovery => {
                let hash = recovery_hash(secret, &self.name, &digits);
                let before = self.recovery.len();
                self.recovery.retain(|kept| !bool::from(kept.0.ct_eq(&hash)));
                self.recovery.len() < before
            }
        }
    }
}

/// Returns `count` uniformly random decimal digits.
pub(crate) fn random_digits(count: usize) -> Result<Zeroizing<String>, getrandom::Error> {
    let mut digits = Zeroizing::new(String::with_capacity(count));
    let mut byte = [0];
    while digits.len() < count {
        getrandom::fill(&mut byte)?;
        // Rejects bytes from 250 on, because 256 is not a multiple of ten and small digits would be more likely.
        digits.extend(byte.iter().filter(|byte| **byte < 250).map(|byte| char::from(b'0' + byte % 10)));
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::folder;

    const NOW: u64 = 1_800_000_000;
    const STEP: u64 = 30;

    struct Scene {
        folder: StateFolder,
        secret: ServerSecret,
        factors: Factors,
    }

    fn ana() -> PersonName {
        "Ana".parse().unwrap()
    }

    impl Scene {
        fn new(name: &str) -> Self {
            let folder = folder(name);
            let secret = ServerSecret::with_salt_key(&[1; 32]).unwrap();
            let put = People::put(&folder, &secret, &ana(), &Verifier::from([7; 32]), "chat.example", true);
            Self { factors: put.unwrap().unwrap(), folder, secret }
        }

        fn sign_in(&self, byte: u8, code: Option<&str>, now: u64) -> Result<(), Refusal> {
            let credentials =
                Credentials { name: &"ana".parse().unwrap(), verifier: &Verifier::from([byte; 32]), code };
            People::sign_in(&self.folder, &self.secret, &credentials, now).unwrap().map(|_| ())
        }

        /// Returns the code that the person's app shows.
        fn code(&self, now: u64) -> String {
            Totp::from_url(self.factors.url.as_str()).unwrap().generate(now).to_string()
        }
    }

    #[test]
    fn code_is_checked_after_the_password() {
        let scene = Scene::new("people-first");
        assert_eq!(scene.sign_in(8, None, NOW), Err(Refusal::WrongPerson));
        assert_eq!(scene.sign_in(8, Some(&scene.code(NOW)), NOW), Err(Refusal::WrongPerson), "the code is not spent");
        assert_eq!(scene.sign_in(7, None, NOW), Err(Refusal::CodeWanted));
        assert_eq!(scene.sign_in(7, Some("000000x"), NOW), Err(Refusal::WrongCode));
        let code = scene.code(NOW);
        assert_eq!(scene.sign_in(7, Some(&format!(" {} {}", &code[..3], &code[3..])), NOW), Ok(()));
        let nobody = Credentials { name: &"bo".parse().unwrap(), verifier: &Verifier::from([7; 32]), code: None };
        let answer = People::sign_in(&scene.folder, &scene.secret, &nobody, NOW).unwrap();
        assert_eq!(answer, Err(Refusal::WrongPerson));
    }

    #[test]
    fn codes_work_once_with_one_step_of_drift() {
        let scene = Scene::new("people-once");
        let try_code = |of: u64| scene.sign_in(7, Some(&scene.code(of)), NOW);
        assert_eq!(try_code(NOW - 2 * STEP), Err(Refusal::WrongCode));
        assert_eq!(try_code(NOW - STEP), Ok(()));
        assert_eq!(try_code(NOW - STEP), Err(Refusal::WrongCode), "already used");
        assert_eq!(try_code(NOW + 2 * STEP), Err(Refusal::WrongCode));
        assert_eq!(try_code(NOW + STEP), Ok(()));
        assert_eq!(try_code(NOW), Err(Refusal::WrongCode), "older than the last used code");
    }

    #[test]
    fn one_of_many_concurrent_uses_passes() {
        let scene = Scene::new("people-race");
        let codes = [scene.code(NOW), scene.factors.recovery[0].to_string()];
        for code in codes {
            let passed = std::thread::scope(|scope| {
                let tries = [(); 8].map(|()| scope.spawn(|| scene.sign_in(7, Some(&code), NOW)));
                tries.map(|one| one.join().unwrap()).iter().filter(|one| one.is_ok()).count()
            });
            assert_eq!(passed, 1, "{} digits", code.len());
        }
    }

    #[test]
    fn recovery_codes_work_once() {
        let scene = Scene::new("people-recovery");
        assert_eq!(scene.factors.recovery.len(), RECOVERY_CODES);
        for code in &scene.factors.recovery {
            let grouped =
                code.as_bytes().chunks(4).map(|four| str::from_utf8(four).unwrap()).collect::<Vec<_>>().join("-");
            assert_eq!(scene.sign_in(7, Some(&grouped), NOW), Ok(()));
            assert_eq!(scene.sign_in(7, Some(code), NOW), Err(Refusal::WrongCode));
        }
        let kept = scene.folder.read(FILE).unwrap().unwrap();
        assert!(!str::from_utf8(&kept).unwrap().contains(scene.factors.recovery[0].as_str()));
    }

    #[test]
    fn reset_replaces_password_factors_and_passes() {
        let scene = Scene::new("people-reset");
        let old = People::read(&scene.folder).unwrap().fingerprint("ana");
        let same = Verifier::from([7; 32]);
        People::put(&scene.folder, &scene.secret, &ana(), &same, "x", false).unwrap().unwrap();
        assert_ne!(People::read(&scene.folder).unwrap().fingerprint("ana"), old, "the password is the same");
        let put =
            |is_new| People::put(&scene.folder, &scene.secret, &ana(), &Verifier::from([9; 32]), "x", is_new).unwrap();
        assert!(put(true).is_none(), "the name is listed");
        let factors = put(false).unwrap();
        assert_ne!(People::read(&scene.folder).unwrap().fingerprint("ana"), old, "old passes are invalid");
        assert_eq!(scene.sign_in(7, None, NOW), Err(Refusal::WrongPerson));
        assert_eq!(scene.sign_in(9, Some(&scene.code(NOW)), NOW), Err(Refusal::WrongCode));
        assert_eq!(scene.sign_in(9, Some(&factors.recovery[3]), NOW), Ok(()));
        assert!(People::remove(&scene.folder, &ana()).unwrap() && !People::remove(&scene.folder, &ana()).unwrap());
        assert_eq!(scene.sign_in(9, None, NOW), Err(Refusal::WrongPerson));
        assert!(put(false).is_none(), "the name is not listed");
    }

    #[test]
    fn otpauth_url_has_issuer_and_label() {
        let scene = Scene::new("people-url");
        let url = scene.factors.url.as_str();
        assert!(url.starts_with("otpauth://totp/chat.example:ana?"), "{url}");
        assert!(url.contains("issuer=chat.example") && url.contains(scene.factors.secret.as_str()), "{url}");
    }

    #[test]
    fn error_names_the_broken_file_without_quoting_it() {
        let folder = folder("people-broken");
        for text in ["{\"people\": [{\"totp\": \"JBSWY3DP\"}]}", "[]", "JBSWY3DP"] {
            folder.write(FILE, text.as_bytes()).unwrap();
            let error = People::read(&folder).err().unwrap().to_string();
            assert!(error.contains("people: line 1") && !error.contains("JBSWY"), "{error}");
        }
    }
}
