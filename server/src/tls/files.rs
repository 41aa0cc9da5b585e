//! A certificate and its key from files, which are reloaded when they change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rustls::{
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use super::{TlsError, certified};
use crate::state::is_world_readable;

/// Maximum bytes of a file, so that a wrong file, such as a disk image, is not read into memory.
const FILE_BYTES: u64 = 1024 * 1024;

/// The files of a certificate and its key.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The stamps of both files at the last read.
    stamps: Mutex<[Stamp; 2]>,
}

/// A file's modification time and length. A change of either means that the file changed.
type Stamp = Option<(SystemTime, u64)>;

impl Files {
    pub(super) fn new(certificate: &Path, key: &Path) -> Self {
        Self { certificate: certificate.into(), key: key.into(), stamps: Mutex::default() }
    }

    /// Reads both files if one of them changed since they were last read.
    pub(super) fn read_if_changed(&self) -> Option<Result<CertifiedKey, TlsError>> {
        // The lock must be released here, because `read` takes it too.
        let has_changed = *self.stamps() != self.current_stamps();
        has_changed.then(|| self.read())
    }

    /// Reads both files.
    ///
    /// # Errors
    /// When they cannot be read, hold something else, or do not belong together.
    pub(super) fn read(&self) -> Result<CertifiedKey, TlsError> {
        // Taken before reading, so that a change during the read is noticed next time.
        *self.stamps() = self.current_stamps();
        let bytes = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::NotPem(self.certificate.clone(), error))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(self.certificate.clone()));
        }
        if is_world_readable(&self.key) {
            tracing::warn!("{} is readable by every user of this machine", self.key.display());
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey(self.key.clone()),
            error => TlsError::NotPem(self.key.clone(), error),
        })?;
        certified(chain, key).map_err(|error| TlsError::Pair(self.certificate.clone(), self.key.clone(), error))
    }

    fn current_stamps(&self) -> [Stamp; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn stamps(&self) -> MutexGuard<'_, [Stamp; 2]> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |error| TlsError::File(path.to_owned(), error);
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES {
        return Err(failed(io::Error::other(format!("is larger than {FILE_BYTES} bytes"))));
    }
    fs::read(path).map(Zeroizing::new).map_err(failed)
}
