//! A certificate and its key from files, which are read again when they change.

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

/// Bytes of a file, at most: one given by mistake, such as a disk image, is not read into memory.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where a certificate and its key are.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// What the files looked like when they were last read.
    seen: Mutex<[Seen; 2]>,
}

/// What tells whether a file changed.
type Seen = Option<(SystemTime, u64)>;

impl Files {
    pub(super) fn new(certificate: &Path, key: &Path) -> Self {
        Self { certificate: certificate.into(), key: key.into(), seen: Mutex::default() }
    }

    /// Reads both files if one of them changed since they were last read.
    pub(super) fn read_if_changed(&self) -> Option<Result<CertifiedKey, TlsError>> {
        // The lock is given back here: to read takes it, too.
        let has_changed = *self.seen() != self.look();
        has_changed.then(|| self.read())
    }

    /// Reads both files.
    ///
    /// # Errors
    /// When they cannot be read, hold something else, or do not belong together.
    pub(super) fn read(&self) -> Result<CertifiedKey, TlsError> {
        // First: a change while they are read is seen the next time.
        *self.seen() = self.look();
        let bytes = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::NotPem(self.certificate.clone(), error))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(self.certificate.clone()));
        }
        if is_world_readable(&self.key) {
            tracing::warn!("{} can be read by every user of this machine", self.key.display());
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey(self.key.clone()),
            error => TlsError::NotPem(self.key.clone(), error),
        })?;
        certified(chain, key).map_err(|error| TlsError::Pair(self.certificate.clone(), self.key.clone(), error))
    }

    fn look(&self) -> [Seen; 2] {
        [&self.certificate, &self.key].map(|path| {
            let about = fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }

    fn seen(&self) -> MutexGuard<'_, [Seen; 2]> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |error| TlsError::File(path.to_owned(), error);
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES {
        return Err(failed(io::Error::other(format!("is larger than {FILE_BYTES} bytes"))));
    }
    fs::read(path).map(Zeroizing::new).map_err(failed)
}
