//! The server's self-made certificate, for local networks, where no public authority issues one.
//!
//! Phones let people trust only certificates of authorities, and browsers do not accept an authority's certificate from
//! a server. So the server makes two: an authority's certificate, which people install, and its own, which that
//! authority signs. The server discards the authority's key after signing. Trusting the authority therefore means
//! trusting this one certificate, and a thief of the state folder cannot sign another. The authority is also
//! constrained to the server's names.
//!
//! The price is that people must trust every new certificate again, so the server makes one only when it must.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{TlsError, certified, names::Names};
use crate::StateFolder;

/// The file's name in the state folder.
const FILE: &str = "tls.json";
/// Apple's systems accept server certificates of private authorities for at most 825 days.
const LASTS: Duration = Duration::days(820);
/// A start replaces a certificate that expires sooner than this. Somebody is likely to be present at a start.
const ENDS_SOON: Duration = Duration::days(30);
/// The validity begins this long before now, because phones' clocks may be slow.
const BEFORE: Duration = Duration::days(1);

/// A certificate and its authority's, with the data to decide whether they are still usable.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(super) struct SelfSigned {
    pub(super) names: Vec<String>,
    /// The expiry, in Unix seconds.
    until: i64,
    /// The authority's certificate, in PEM like the next two fields.
    pub(super) authority: String,
    certificate: String,
    key: String,
}

/// Whether people may already trust a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It comes from the state folder.
    Kept,
    /// It is the first one.
    First,
    /// It replaces an earlier one, which people may trust.
    Renewed,
}

impl SelfSigned {
    /// Returns the stored certificate if it is usable, otherwise makes and stores a new one.
    pub(super) fn load_or_make(
        state: Option<&StateFolder>,
        names: &Names,
        now: OffsetDateTime,
    ) -> Result<(Self, Age), TlsError> {
        let Some(state) = state else { return Ok((Self::make(names, now)?, Age::First)) };
        // Under the lock, so that two servers that start in a new folder at once use the same certificate.
        let _lock = state.lock()?;
        let kept = state.read(FILE)?.map(|bytes| {
            serde_json::from_slice::<Self>(&bytes).map_err(|error| {
                // The error's own text could quote the key.
                let fault = format!("line {}, column {}: not the server's format", error.line(), error.column());
                TlsError::Kept(state.path(FILE), fault)
            })
        });
        let kept = kept.transpose()?;
        let age = if kept.is_some() { Age::Renewed } else { Age::First };
        if let Some(kept) = kept.filter(|kept| kept.is_usable(names, now)) {
            return Ok((kept, Age::Kept));
        }
        let own = Self::make(names, now)?;
        let bytes = serde_json::to_vec_pretty(&own).map(Zeroizing::new);
        state.write(FILE, &bytes.map_err(|error| TlsError::Kept(state.path(FILE), error.to_string()))?)?;
        Ok((own, age))
    }

    fn is_usable(&self, names: &Names, now: OffsetDateTime) -> bool {
        self.until > (now + ENDS_SOON).unix_timestamp() && names.needed.iter().all(|name| self.names.contains(name))
    }

    fn make(names: &Names, now: OffsetDateTime) -> Result<Self, TlsError> {
        let until = now + LASTS;
        let subject = format!("Cloakroom on {}", names.open.first().map_or("this machine", |(host, _)| host));
        let with_dates = |mut params: CertificateParams, name: String| {
            params.not_before = now - BEFORE;
            params.not_after = until;
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut authority = with_dates(CertificateParams::default(), format!("{subject}, {}", now.date()));
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.all.iter().map(|name| name_constraint(name)).collect(),
            excluded_subtrees: Vec::new(),
        });
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        // The issuer holds the authority's key, which is dropped at the end of this function.
        let issuer = Issuer::new(authority, authority_key);
        let mut server = with_dates(CertificateParams::new(names.all.clone())?, subject);
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok(Self {
            names: names.all.clone(),
            until: until.unix_timestamp(),
            authority: authority_pem,
            certificate: server.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }

    pub(super) fn certified(&self) -> Result<CertifiedKey, TlsError> {
        let unreadable = |error: rustls::pki_types::pem::Error| TlsError::Kept(FILE.into(), error.to_string());
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(unreadable)?];
        Ok(certified(chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(unreadable)?)?)
    }

    /// Returns the SHA-256 fingerprints of the authority's certificate and the server's, formatted as browsers show
    /// them.
    pub(super) fn fingerprints(&self) -> Result<[String; 2], TlsError> {
        let fingerprint = |pem: &String| -> Result<String, TlsError> {
            let der = CertificateDer::from_pem_slice(pem.as_bytes());
            let der = der.map_err(|error| TlsError::Kept(FILE.into(), error.to_string()))?;
            Ok(Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
        };
        Ok([fingerprint(&self.authority)?, fingerprint(&self.certificate)?])
    }
}

/// Returns the name constraint for this host. For a DNS name it includes subdomains.
fn name_constraint(name: &str) -> GeneralSubtree {
    match name.parse::<IpAddr>() {
        Ok(ip) => GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, if ip.is_ipv4() { 32 } else { 128 })),
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(needed: &[&str]) -> Names {
        let needed = needed.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let all = needed.iter().cloned().chain(["localhost".to_owned()]).collect();
        Names { all, needed, open: Vec::new() }
    }

    #[test]
    fn certificate_is_used_until_it_expires_or_lacks_a_needed_name() {
        let now = OffsetDateTime::now_utc();
        let own = SelfSigned::make(&names(&["192.168.1.20"]), now).unwrap();
        assert!(own.certified().is_ok());
        assert!(own.is_usable(&names(&["192.168.1.20"]), now + LASTS - ENDS_SOON - Duration::MINUTE));
        assert!(!own.is_usable(&names(&["192.168.1.20"]), now + LASTS - ENDS_SOON));
        assert!(own.is_usable(&names(&[]), now));
        assert!(!own.is_usable(&names(&["192.168.1.20", "192.168.1.21"]), now));
    }
}
