//! People who sign in: their passwords' verifiers, hashed, and their second factors, in one JSON file.
//!
//! A code is good once: what was used last stands in the file before the one who showed it is let in.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use totp_rs::{Builder, Secret, Totp};
use wire::{PersonName, Refusal, Salt, Verifier};
use zeroize::Zeroizing;

use super::pass::{Fingerprint, fingerprint};
use crate::{ServerSecret, StateError, StateFolder, secret::LastingHash};

/// The file's name in the state folder.
pub(super) const FILE: &str = "people";
/// Recovery codes of a person.
pub(super) const RECOVERY_CODES: usize = 8;
/// Digits of a recovery code: digits only, so that a phone's keypad is enough.
const RECOVERY_DIGITS: usize = 20;
/// Digits of a one-time code.
pub(super) const CODE_DIGITS: usize = 6;
/// Random bytes of a TOTP secret, as many as SHA-1's output has (RFC 4226, section 4, R6).
const SECRET_BYTES: usize = 20;

#[derive(Serialize, Deserialize)]
struct Person {
    name: PersonName,
    verifier: Hash,
    /// In base32.
    totp: Zeroizing<String>,
    /// The step of the last code that was taken.
    last_step: u64,
    recovery: Vec<Hash>,
}

/// 32 bytes in base64url.
struct Hash(LastingHash);

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
            _ => Err(de::Error::custom("32 bytes in base64url are wanted")),
        }
    }
}

/// The people who may sign in, as the file lists them.
#[derive(Default, Serialize, Deserialize)]
pub struct People {
    people: Vec<Person>,
}

/// The second factors of a person, shown once.
pub struct Factors {
    /// For an authenticator app, as a QR code.
    pub url: Zeroizing<String>,
    /// The same secret in base32, to type in.
    pub secret: Zeroizing<String>,
    /// The recovery codes, of twenty digits each.
    pub recovery: Vec<Zeroizing<String>>,
}

/// What someone shows.
pub(super) struct Shown<'a> {
    pub(super) name: &'a PersonName,
    pub(super) verifier: &'a Verifier,
    pub(super) code: Option<&'a str>,
}

/// What one of the two kinds of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeKind {
    OneTime,
    Recovery,
    Neither,
}

/// The digits of a code, without what people write between them.
fn digits(code: &str) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(code.len()));
    digits.extend(code.chars().filter(|c| !c.is_whitespace() && *c != '-'));
    digits
}

impl CodeKind {
    /// By the number of digits.
    pub(super) fn of(code: &str) -> Self {
        let digits = digits(code);
        match digits.len() {
            _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => Self::Neither,
            CODE_DIGITS => Self::OneTime,
            RECOVERY_DIGITS => Self::Recovery,
            _ => Self::Neither,
        }
    }
}

fn verifier_hash(secret: &ServerSecret, name: &PersonName, verifier: &Verifier) -> LastingHash {
    secret.lasting("person verifier", &[name.as_str().as_bytes(), verifier.as_bytes()])
}

fn recovery_hash(secret: &ServerSecret, name: &PersonName, digits: &str) -> LastingHash {
    secret.lasting("person recovery", &[name.as_str().as_bytes(), digits.as_bytes()])
}

impl People {
    /// The server's part of the salt for a person's own password, the same whether the person is listed or not.
    #[must_use]
    pub fn salt(secret: &ServerSecret, name: &PersonName) -> Salt {
        Salt::from(*secret.lasting("person salt", &[name.as_str().as_bytes()]).as_bytes())
    }

    /// Reads the file; nobody is listed where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not as the commands write it.
    pub fn read(folder: &StateFolder) -> Result<Self, StateError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(Self::default()) };
        let fault = |error: serde_json::Error| {
            // Its own words could quote a secret.
            let at = format!("line {}, column {}: is not as cloakroom people wrote it", error.line(), error.column());
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
        // With room from the start: a vector that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(1024 * (1 + self.people.len())));
        serde_json::to_writer_pretty(&mut *text, self).map_err(|error| folder.failed(FILE, error))?;
        text.push(b'\n');
        folder.write(FILE, &text)
    }

    /// Their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.people.iter().map(|person| person.name.as_str())
    }

    /// What stands in the passes of this person.
    pub(super) fn fingerprint(&self, name: &str) -> Option<Fingerprint> {
        let person = self.people.iter().find(|person| person.name.as_str() == name)?;
        Some(person.fingerprint())
    }

    /// Lets someone in who shows a right password and a right code, once, or says why not. `now` is in Unix seconds.
    pub(super) fn sign_in(
        folder: &StateFolder,
        secret: &ServerSecret,
        shown: &Shown<'_>,
        now: u64,
    ) -> Result<Result<Fingerprint, Refusal>, StateError> {
        let hash = verifier_hash(secret, shown.name, shown.verifier);
        let knows_password = |person: &Person| bool::from(hash.ct_eq(&person.verifier.0));
        let is_named = |person: &&Person| person.name == *shown.name;
        match Self::read(folder)?.people.iter().find(is_named) {
            None => {
                // Someone unknown takes the same steps as a wrong password.
                let _ = bool::from(hash.ct_eq(&[0; 32].into()));
                return Ok(Err(Refusal::WrongPerson));
            }
            Some(person) if !knows_password(person) => return Ok(Err(Refusal::WrongPerson)),
            Some(_) => {}
        }
        let Some(code) = shown.code else { return Ok(Err(Refusal::CodeWanted)) };
        // Only now: guesses are not to hold up the commands. A code that is shown in two places at once is good in one.
        let _lock = folder.lock()?;
        let mut people = Self::read(folder)?;
        let person = people.people.iter_mut().find(|person| person.name == *shown.name);
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

    /// Adds a person (`is_new`), or gives a listed one a new password and new factors. `None` if the name is listed
    /// already, or is not.
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
            // A colon parts the two in the label, and ends neither.
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

    /// Removes a person; false if the name is not listed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn remove(folder: &StateFolder, name: &PersonName) -> Result<bool, StateError> {
        let _lock = folder.lock()?;
        let mut people = Self::read(folder)?;
        let before = people.people.len();
        people.people.retain(|person| person.name != *name);
        let was_there = people.people.len() < before;
        if was_there {
            people.write(folder)?;
        }
        Ok(was_there)
    }
}

impl Person {
    /// It changes with the password, and with the app's secret where a new password is the old one.
    fn fingerprint(&self) -> Fingerprint {
        let hash = Sha256::new().chain_update(self.verifier.0.as_bytes()).chain_update(self.totp.as_bytes()).finalize();
        fingerprint(&hash.into())
    }

    /// RFC 6238 with SHA-1, six digits and steps of 30 s, one step of drift each way: what every app takes.
    fn totp(&self) -> Option<Totp> {
        let secret = Secret::try_from_base32(&*self.totp).ok()?;
        Builder::new().with_secret(secret).with_account_name("x").build().ok()
    }

    /// Whether the code is right and was not used; from now on it was.
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

/// So many decimal digits, each as likely as the others.
pub(super) fn random_digits(count: usize) -> Result<Zeroizing<String>, getrandom::Error> {
    let mut digits = Zeroizing::new(String::with_capacity(count));
    let mut byte = [0];
    while digits.len() < count {
        getrandom::fill(&mut byte)?;
        // 250 is the last multiple of ten in a byte: above it, the first digits would come more often.
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
            let shown = Shown { name: &"ana".parse().unwrap(), verifier: &Verifier::from([byte; 32]), code };
            People::sign_in(&self.folder, &self.secret, &shown, now).unwrap().map(|_| ())
        }

        /// What the person's app shows.
        fn code(&self, now: u64) -> String {
            Totp::from_url(self.factors.url.as_str()).unwrap().generate(now).to_string()
        }
    }

    #[test]
    fn password_first_then_a_code() {
        let scene = Scene::new("people-first");
        assert_eq!(scene.sign_in(8, None, NOW), Err(Refusal::WrongPerson));
        assert_eq!(scene.sign_in(8, Some(&scene.code(NOW)), NOW), Err(Refusal::WrongPerson), "the code is not spent");
        assert_eq!(scene.sign_in(7, None, NOW), Err(Refusal::CodeWanted));
        assert_eq!(scene.sign_in(7, Some("000000x"), NOW), Err(Refusal::WrongCode));
        let code = scene.code(NOW);
        assert_eq!(scene.sign_in(7, Some(&format!(" {} {}", &code[..3], &code[3..])), NOW), Ok(()));
        let nobody = Shown { name: &"bo".parse().unwrap(), verifier: &Verifier::from([7; 32]), code: None };
        let answer = People::sign_in(&scene.folder, &scene.secret, &nobody, NOW).unwrap();
        assert_eq!(answer, Err(Refusal::WrongPerson));
    }

    #[test]
    fn a_code_is_good_once_and_with_one_step_of_drift() {
        let scene = Scene::new("people-once");
        let try_code = |of: u64| scene.sign_in(7, Some(&scene.code(of)), NOW);
        assert_eq!(try_code(NOW - 2 * STEP), Err(Refusal::WrongCode));
        assert_eq!(try_code(NOW - STEP), Ok(()));
        assert_eq!(try_code(NOW - STEP), Err(Refusal::WrongCode), "it was used");
        assert_eq!(try_code(NOW + 2 * STEP), Err(Refusal::WrongCode));
        assert_eq!(try_code(NOW + STEP), Ok(()));
        assert_eq!(try_code(NOW), Err(Refusal::WrongCode), "older than one that was used");
    }

    #[test]
    fn at_the_same_moment_one_of_many_passes() {
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
    fn recovery_codes_are_good_once_each() {
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
    fn who_is_reset_has_another_password_and_other_factors() {
        let scene = Scene::new("people-reset");
        let old = People::read(&scene.folder).unwrap().fingerprint("ana");
        let same = Verifier::from([7; 32]);
        People::put(&scene.folder, &scene.secret, &ana(), &same, "x", false).unwrap().unwrap();
        assert_ne!(People::read(&scene.folder).unwrap().fingerprint("ana"), old, "with the same password, too");
        let put =
            |is_new| People::put(&scene.folder, &scene.secret, &ana(), &Verifier::from([9; 32]), "x", is_new).unwrap();
        assert!(put(true).is_none(), "she is there");
        let factors = put(false).unwrap();
        assert_ne!(People::read(&scene.folder).unwrap().fingerprint("ana"), old, "old passes end");
        assert_eq!(scene.sign_in(7, None, NOW), Err(Refusal::WrongPerson));
        assert_eq!(scene.sign_in(9, Some(&scene.code(NOW)), NOW), Err(Refusal::WrongCode));
        assert_eq!(scene.sign_in(9, Some(&factors.recovery[3]), NOW), Ok(()));
        assert!(People::remove(&scene.folder, &ana()).unwrap() && !People::remove(&scene.folder, &ana()).unwrap());
        assert_eq!(scene.sign_in(9, None, NOW), Err(Refusal::WrongPerson));
        assert!(put(false).is_none(), "nobody is there to reset");
    }

    #[test]
    fn apps_read_issuer_and_label() {
        let scene = Scene::new("people-url");
        let url = scene.factors.url.as_str();
        assert!(url.starts_with("otpauth://totp/chat.example:ana?"), "{url}");
        assert!(url.contains("issuer=chat.example") && url.contains(scene.factors.secret.as_str()), "{url}");
    }

    #[test]
    fn a_broken_file_is_named_without_quoting_it() {
        let folder = folder("people-broken");
        for text in ["{\"people\": [{\"totp\": \"JBSWY3DP\"}]}", "[]", "JBSWY3DP"] {
            folder.write(FILE, text.as_bytes()).unwrap();
            let error = People::read(&folder).err().unwrap().to_string();
            assert!(error.contains("people: line 1") && !error.contains("JBSWY"), "{error}");
        }
    }
}
