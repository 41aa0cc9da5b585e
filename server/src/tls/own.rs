//! The server's own certificate, for networks where nobody issues one.
//!
//! A phone takes nothing but the certificate of an authority for trusted, and a browser takes no such certificate from
//! a server. So there are two: an authority's, which people install, and the server's, which that authority signed. The
//! authority's key is thrown away as soon as it has signed: trust in the authority is trust in this one certificate,
//! and a thief of the state folder can sign no other. The authority also names the only hosts it may speak for.
//!
//! The price is that a new certificate has to be trusted anew. So one is made only when there is no way around it.

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

/// Where it is kept.
const FILE: &str = "tls.json";
/// Apple's systems take a server's certificate of a private authority for 825 days at most.
const LASTS: Duration = Duration::days(820);
/// A certificate that ends sooner is made anew at a start, when someone is there to see it.
const ENDS_SOON: Duration = Duration::days(30);
/// Clocks of phones may be behind.
const BEFORE: Duration = Duration::days(1);

/// A certificate, its authority's, and what is needed to tell whether they still serve.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    pub(super) names: Vec<String>,
    /// Unix time in seconds.
    until: i64,
    /// In PEM, as the other two.
    pub(super) authority: String,
    certificate: String,
    key: String,
}

/// Whether people trust it already, for all one knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It was kept.
    Kept,
    /// It is the first.
    First,
    /// It takes the place of one that these people trusted.
    Renewed,
}

impl Own {
    /// The one that was kept, as long as it serves; else a new one, which is kept.
    pub(super) fn of(state: Option<&StateFolder>, names: &Names, now: OffsetDateTime) -> Result<(Self, Age), TlsError> {
        let Some(state) = state else { return Ok((Self::make(names, now)?, Age::First)) };
        // Two servers that start in a new folder at once are to show the same.
        let _lock = state.lock()?;
        let kept = state.read(FILE)?.map(|bytes| {
            serde_json::from_slice::<Self>(&bytes).map_err(|error| {
                // Its own words could quote the key.
                let fault = format!("line {}, column {}: is not as the server wrote it", error.line(), error.column());
                TlsError::Kept(state.path(FILE), fault)
            })
        });
        let kept = kept.transpose()?;
        let age = if kept.is_some() { Age::Renewed } else { Age::First };
        if let Some(kept) = kept.filter(|kept| kept.serves(names, now)) {
            return Ok((kept, Age::Kept));
        }
        let own = Self::make(names, now)?;
        let bytes = serde_json::to_vec_pretty(&own).map(Zeroizing::new);
        state.write(FILE, &bytes.map_err(|error| TlsError::Kept(state.path(FILE), error.to_string()))?)?;
        Ok((own, age))
    }

    fn serves(&self, names: &Names, now: OffsetDateTime) -> bool {
        self.until > (now + ENDS_SOON).unix_timestamp() && names.needed.iter().all(|name| self.names.contains(name))
    }

    fn make(names: &Names, now: OffsetDateTime) -> Result<Self, TlsError> {
        let until = now + LASTS;
        let called = format!("Cloakroom on {}", names.open.first().map_or("this machine", |(host, _)| host));
        let with_dates = |mut params: CertificateParams, name: String| {
            params.not_before = now - BEFORE;
            params.not_after = until;
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut authority = with_dates(CertificateParams::default(), format!("{called}, {}", now.date()));
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.all.iter().map(|name| only(name)).collect(),
            excluded_subtrees: Vec::new(),
        });
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        // Here it signs for the last time.
        let issuer = Issuer::new(authority, authority_key);
        let mut server = with_dates(CertificateParams::new(names.all.clone())?, called);
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

    /// SHA-256 of the authority's certificate and of the server's, as systems show them.
    pub(super) fn fingerprints(&self) -> Result<[String; 2], TlsError> {
        let fingerprint = |pem: &String| -> Result<String, TlsError> {
            let der = CertificateDer::from_pem_slice(pem.as_bytes());
            let der = der.map_err(|error| TlsError::Kept(FILE.into(), error.to_string()))?;
            Ok(Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
        };
        Ok([fingerprint(&self.authority)?, fingerprint(&self.certificate)?])
    }
}

/// This host, and what is below it where it is a name.
fn only(name: &str) -> GeneralSubtree {
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
    fn it_serves_as_long_as_it_can() {
        let now = OffsetDateTime::now_utc();
        let own = Own::make(&names(&["192.168.1.20"]), now).unwrap();
        assert!(own.certified().is_ok());
        assert!(own.serves(&names(&["192.168.1.20"]), now + LASTS - ENDS_SOON - Duration::MINUTE));
        assert!(!own.serves(&names(&["192.168.1.20"]), now + LASTS - ENDS_SOON));
        assert!(own.serves(&names(&[]), now));
        assert!(!own.serves(&names(&["192.168.1.20", "192.168.1.21"]), now));
    }
}
