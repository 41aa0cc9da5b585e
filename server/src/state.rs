//! The state folder: what outlives the process. Files in it are private to the server's user, and change whole or not at all.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use zeroize::Zeroizing;

/// The key that the salts of rooms depend on.
const SALT_KEY: &str = "salt.key";
/// Bytes of a file in the folder, at most: a file by mistake, such as a disk image, is not read into memory.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Locked while a file is changed, so that a command and the server do not undo each other's changes.
const LOCK: &str = "lock";

/// Where the state folder is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChoice {
    /// Nothing is kept.
    None,
    /// In this folder, which is made if it is missing.
    Folder(PathBuf),
}

impl FromStr for StateChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("wants a folder, or none".to_owned()),
            "none" => Ok(Self::None),
            path => Ok(Self::Folder(path.into())),
        }
    }
}

impl StateChoice {
    /// Where it is if nothing was said: the folder that systemd gives a service, else the user's own.
    fn usual() -> Option<Self> {
        // systemd separates several folders by colons.
        let given = env::var_os("STATE_DIRECTORY").and_then(|all| env::split_paths(&all).next());
        let users = || {
            let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
            state.or_else(home).map(|state| state.join("cloakroom"))
        };
        given.filter(|path| path.is_absolute()).or_else(users).map(Self::Folder)
    }
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No folder was named, and the environment names none either.
    #[error("there is no HOME to keep a state folder in: name one with --state, or give --state none")]
    NoFolder,
    /// What was asked for needs one.
    #[error("{0} needs a state folder, and --state none keeps nothing")]
    Needed(&'static str),
    /// The folder cannot be made or used.
    #[error("the state folder {} cannot be used: {}: name another with --state, or give --state none", .0.display(), .1)]
    Folder(PathBuf, io::Error),
    /// A file in it cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// A file in it can be read by others.
    #[error("{path} can be read by other users: run chmod 600 {path}", path = .0.display())]
    Readable(PathBuf),
    /// Others can change the folder.
    #[error("{path} can be changed by other users: run chmod go-w {path}", path = .0.display())]
    Writable(PathBuf),
    /// A file in it is not what it has to be.
    #[error("{}: {}", .0.display(), .1)]
    Content(PathBuf, String),
}

/// The state folder.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// Held while a file is read, changed and written.
pub struct StateLock(#[expect(dead_code, reason = "held, not read")] File);

impl StateFolder {
    /// Opens the folder, and makes it if it is missing; `None` if nothing is to be kept.
    ///
    /// # Errors
    /// When there is no folder to be had.
    pub fn open(choice: Option<&StateChoice>) -> Result<Option<Self>, StateError> {
        let path = match choice.cloned().or_else(StateChoice::usual) {
            None => return Err(StateError::NoFolder),
            Some(StateChoice::None) => return Ok(None),
            Some(StateChoice::Folder(path)) => path,
        };
        let failed = |error| StateError::Folder(path.clone(), error);
        make_private_folder(&path).map_err(failed)?;
        if is_changed_by_others(&fs::metadata(&path).map_err(failed)?) {
            return Err(StateError::Writable(path));
        }
        Ok(Some(Self(path)))
    }

    /// The key of the salts, 32 bytes; drawn and written when the folder is new.
    ///
    /// # Errors
    /// When it can be read by others, has another length, or cannot be read or written.
    pub fn salt_key(&self) -> Result<Zeroizing<Vec<u8>>, StateError> {
        // Two servers that start in a new folder at once must not each keep a key of their own.
        let _lock = self.lock()?;
        if let Some(key) = self.read(SALT_KEY)? {
            if key.len() == 32 {
                return Ok(key);
            }
            let wants = format!("wants 32 bytes, has {}", key.len());
            return Err(StateError::Content(self.path(SALT_KEY), wants));
        }
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut key).map_err(|error| StateError::File(self.path(SALT_KEY), io::Error::other(error)))?;
        self.write(SALT_KEY, &key)?;
        Ok(key)
    }

    /// The file of this name; `None` if there is none.
    ///
    /// # Errors
    /// When others can read it, it is very large, or it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        let path = self.path(name);
        let failed = |error| StateError::File(path.clone(), error);
        // Before it is opened: opening a pipe waits for a writer.
        match fs::metadata(&path) {
            Ok(about) if about.is_file() => {}
            Ok(_) => return Err(StateError::Content(path, "is no file".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let file = File::open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if is_open_to_others(&about) {
            return Err(StateError::Readable(path));
        }
        if about.len() > FILE_BYTES {
            return Err(StateError::Content(path, format!("is larger than {FILE_BYTES} bytes")));
        }
        // With its length from the start: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1));
        file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Writes the file of this name: after a crash it is as before or as it is to be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.path(name);
        let new = self.path(&format!(".{name}.new"));
        let write = || {
            // One that was left by a crash may have another mode.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync_folder(&self.0)
        };
        write().map_err(|error| StateError::File(path.clone(), error))
    }

    /// Waits until nobody else changes a file of the folder, and keeps others from it until the lock is dropped.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let path = self.path(LOCK);
        let lock = || {
            let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map(StateLock).map_err(|error| StateError::Folder(self.0.clone(), error))
    }

    /// That something went wrong with the file of this name.
    pub(crate) fn failed(&self, name: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StateError {
        StateError::File(self.path(name), io::Error::other(error))
    }

    /// Where the file of this name is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn is_open_to_others(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(unix)]
fn is_changed_by_others(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_changed_by_others(_: &fs::Metadata) -> bool {
    false
}

/// Whether every user of the machine can read a file: one that the operator keeps elsewhere, for a group perhaps.
#[cfg(unix)]
pub(crate) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_world_readable(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

/// So that the new name outlives a crash, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An empty one.
    pub(crate) fn folder(name: &str) -> StateFolder {
        let path = env::temp_dir().join(format!("cloakroom-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        StateFolder::open(Some(&StateChoice::Folder(path.join("a/b")))).unwrap().unwrap()
    }

    #[test]
    fn choices() {
        assert_eq!("none".parse(), Ok(StateChoice::None));
        assert_eq!("/var/x".parse(), Ok(StateChoice::Folder("/var/x".into())));
        assert!("".parse::<StateChoice>().is_err());
        assert!(StateFolder::open(Some(&StateChoice::None)).unwrap().is_none());
    }

    #[test]
    fn a_salt_key_stays() {
        let folder = folder("key");
        let key = folder.salt_key().unwrap();
        assert_eq!(key.len(), 32);
        assert_eq!(folder.salt_key().unwrap(), key);
        folder.write(SALT_KEY, b"short").unwrap();
        assert!(folder.salt_key().unwrap_err().to_string().ends_with("wants 32 bytes, has 5"));
    }

    #[test]
    fn two_that_start_at_once_have_one_key() {
        let folder = folder("race");
        let keys = std::thread::scope(|scope| {
            let threads = [(); 8].map(|()| scope.spawn(|| folder.salt_key().unwrap()));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private_and_must_be() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("modes");
        folder.write("x", b"one").unwrap();
        folder.write("x", b"two").unwrap();
        assert_eq!(**folder.read("x").unwrap().unwrap(), *b"two");
        assert!(folder.read("y").unwrap().is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path("x")), 0o600);
        assert_eq!(mode(&folder.0), 0o700);
        fs::set_permissions(folder.path("x"), fs::Permissions::from_mode(0o640)).unwrap();
        let error = folder.read("x").unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        fs::create_dir(folder.path("z")).unwrap();
        assert!(folder.read("z").unwrap_err().to_string().ends_with("is no file"));
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o770)).unwrap();
        let error = StateFolder::open(Some(&StateChoice::Folder(folder.0.clone()))).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = folder("file");
        folder.write("x", b"").unwrap();
        let error = StateFolder::open(Some(&StateChoice::Folder(folder.path("x").join("y")))).unwrap_err().to_string();
        assert!(error.contains("/x/y cannot be used") && error.contains("--state none"), "{error}");
    }
}
