//! A throw-away authority and a server certificate it signed.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

pub(super) fn ca_path(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

pub(super) fn certificate_path(directory: &Path) -> PathBuf {
    directory.join("server.pem")
}

pub(super) fn key_path(directory: &Path) -> PathBuf {
    directory.join("server.key")
}

/// Writes the authority's certificate, the server's, and the server's key. The authority's key is forgotten.
pub(super) fn write(directory: &Path) {
    let authority_key = KeyPair::generate().expect("a key pair");
    let mut authority = CertificateParams::new([]).expect("no names to be wrong");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "drl-testkit authority");
    let authority_certificate = authority.self_signed(&authority_key).expect("a self-signed certificate");
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().expect("a key pair");
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).expect("two valid names");
    server.distinguished_name.push(DnType::CommonName, "drl-testkit server");
    let certificate = server.signed_by(&key, &issuer).expect("a signed certificate");

    for (path, pem) in [
        (ca_path(directory), authority_certificate.pem()),
        (certificate_path(directory), certificate.pem()),
        (key_path(directory), key.serialize_pem()),
    ] {
        fs::write(path, pem).expect("a writable temporary directory");
    }
}
