//! The state folder, which outlives the process. Its files are readable only by the server's user and are replaced
//! atomically.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use zeroize::Zeroizing;

/// The file with the key from which rooms' salts are derived.
const SALT_KEY: &str = "salt.key";
/// Maximum bytes of a file in the folder, so that a misplaced file, such as a disk image, is not read into memory.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The file that is locked during changes, so that a command and the server do not overwrite each other's changes.
const LOCK: &str = "lock";

/// The operator's choice of a state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChoice {
    /// No state is kept.
    None,
    /// State is kept in this folder, which is created if missing.
    Folder(PathBuf),
}

impl FromStr for StateChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected a folder, or none".to_owned()),
            "none" => Ok(Self::None),
            path => Ok(Self::Folder(path.into())),
        }
    }
}

impl StateChoice {
    /// Returns the default: the state directory from systemd, or one in the user's home.
    fn default_folder() -> Option<Self> {
        // systemd separates several directories by colons.
        let from_systemd = env::var_os("STATE_DIRECTORY").and_then(|all| env::split_paths(&all).next());
        let in_home = || {
            let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
            state.or_else(home).map(|state| state.join("cloakroom"))
        };
        from_systemd.filter(|path| path.is_absolute()).or_else(in_home).map(Self::Folder)
    }
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Neither the configuration nor the environment names a folder.
    #[error("no HOME for a state folder: name one with --state, or use --state none")]
    NoFolder,
    /// A feature needs a folder, and there is none.
    #[error("{0} needs a state folder, and --state none keeps nothing")]
    Needed(&'static str),
    /// The folder cannot be created or used.
    #[error("the state folder {} cannot be used: {}: name another with --state, or use --state none", .0.display(), .1)]
    Folder(PathBuf, io::Error),
    /// A file in it cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// Other users can read a file in the folder.
    #[error("{path} can be read by other users: run chmod 600 {path}", path = .0.display())]
    Readable(PathBuf),
    /// Other users can change the folder.
    #[error("{path} can be changed by other users: run chmod go-w {path}", path = .0.display())]
    Writable(PathBuf),
    /// A file in the folder has unexpected content.
    #[error("{}: {}", .0.display(), .1)]
    Content(PathBuf, String),
}

/// An open state folder.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// A lock on the folder, held while a file is read, changed and written.
pub struct StateLock(#[expect(dead_code, reason = "held, not read")] File);

impl StateFolder {
    /// Opens the folder and creates it if missing. Returns `None` for [`StateChoice::None`].
    ///
    /// # Errors
    /// When no folder is named, or the folder cannot be created or is not private.
    pub fn open(choice: Option<&StateChoice>) -> Result<Option<Self>, StateError> {
        let path = match choice.cloned().or_else(StateChoice::default_folder) {
            None => return Err(StateError::NoFolder),
            Some(StateChoice::None) => return Ok(None),
            Some(StateChoice::Folder(path)) => path,
        };
        let failed = |error| StateError::Folder(path.clone(), error);
        make_private_folder(&path).map_err(failed)?;
        if is_writable_by_others(&fs::metadata(&path).map_err(failed)?) {
            return Err(StateError::Writable(path));
        }
        Ok(Some(Self(path)))
    }

    /// Returns the salt key, 32 bytes. Creates it in a new folder.
    ///
    /// # Errors
    /// When other users can read the file, it has another length, or it cannot be read or written.
    pub fn salt_key(&self) -> Result<Zeroizing<Vec<u8>>, StateError> {
        // Under the lock, so that two servers that start in a new folder at once end up with the same key.
        let _lock = self.lock()?;
        if let Some(key) = self.read(SALT_KEY)? {
            if key.len() == 32 {
                return Ok(key);
            }
            let fault = format!("expected 32 bytes, found {}", key.len());
            return Err(StateError::Content(self.path(SALT_KEY), fault));
        }
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut key).map_err(|error| StateError::File(self.path(SALT_KEY), io::Error::other(error)))?;
        self.write(SALT_KEY, &key)?;
        Ok(key)
    }

    /// Reads a file of the folder. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// When other users can read the file, it exceeds the size limit, or it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        let path = self.path(name);
        let failed = |error| StateError::File(path.clone(), error);
        // Checked before opening, because opening a pipe waits for a writer.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(StateError::Content(path, "is not a regular file".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if is_readable_by_others(&metadata) {
            return Err(StateError::Readable(path));
        }
        if metadata.len() > FILE_BYTES {
            return Err(StateError::Content(path, format!("is larger than {FILE_BYTES} bytes")));
        }
        // Allocated at full size, because a vector that grows leaves copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Replaces a file of the folder atomically: after a crash it has the old content or the new.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.path(name);
        let new = self.path(&format!(".{name}.new"));
        let write = || {
            // A file left by a crash may have another mode.
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

    /// Waits for the lock on the folder, which excludes other writers until it is dropped.
    ///
    /// # Errors
    /// When the lock file cannot be created or locked.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let path = self.path(LOCK);
        let lock = || {
            let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map(StateLock).map_err(|error| StateError::Folder(self.0.clone(), error))
    }

    /// Returns an error about a file of the folder.
    pub(crate) fn failed(&self, name: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StateError {
        StateError::File(self.path(name), io::Error::other(error))
    }

    /// Returns the path of a file of the folder.
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
fn is_readable_by_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(unix)]
fn is_writable_by_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_writable_by_others(_: &fs::Metadata) -> bool {
    false
}

/// True when every user of the machine can read the file. For files outside the state folder, which the operator may
/// share with a group.
#[cfg(unix)]
pub(crate) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_world_readable(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &fs::Metadata) -> bool {
    false
}

/// Makes the rename survive a crash.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns an empty state folder.
    pub(crate) fn folder(name: &str) -> StateFolder {
        let path = env::temp_dir().join(format!("cloakroom-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        StateFolder::open(Some(&StateChoice::Folder(path.join("a/b")))).unwrap().unwrap()
    }

    #[test]
    fn state_choices_parse() {
        assert_eq!("none".parse(), Ok(StateChoice::None));
        assert_eq!("/var/x".parse(), Ok(StateChoice::Folder("/var/x".into())));
        assert!("".parse::<StateChoice>().is_err());
        assert!(StateFolder::open(Some(&StateChoice::None)).unwrap().is_none());
    }

    #[test]
    fn salt_key_is_created_once_and_checked() {
        let folder = folder("key");
        let key = folder.salt_key().unwrap();
        assert_eq!(key.len(), 32);
        assert_eq!(folder.salt_key().unwrap(), key);
        folder.write(SALT_KEY, b"short").unwrap();
        assert!(folder.salt_key().unwrap_err().to_string().ends_with("expected 32 bytes, found 5"));
    }

    #[test]
    fn concurrent_starts_share_one_salt_key() {
        let folder = folder("race");
        let keys = std::thread::scope(|scope| {
            let threads = [(); 8].map(|()| scope.spawn(|| folder.salt_key().unwrap()));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folder_must_be_private() {
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
        assert!(folder.read("z").unwrap_err().to_string().ends_with("is not a regular file"));
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o770)).unwrap();
        let error = StateFolder::open(Some(&StateChoice::Folder(folder.0.clone()))).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
    }

    #[test]
    fn error_names_the_unusable_folder() {
        let folder = folder("file");
        folder.write("x", b"").unwrap();
        let error = StateFolder::open(Some(&StateChoice::Folder(folder.path("x").join("y")))).unwrap_err().to_string();
        assert!(error.contains("/x/y cannot be used") && error.contains("--state none"), "{error}");
    }
}
