//! A certificate authority and a certificate, made for this start.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Whom the certificate is for. The names of a domain that is nobody's (RFC 6761 §6.2) are for tests through a proxy, which
/// knows where they lead; one by one, because clients take no wildcard right below a top-level domain.
const HOSTS: [&str; 7] =
    ["127.0.0.1", "localhost", "sandbox.test", "login.test", "api.test", "crm.test", "webhook.test"];

/// What TLS needs, and what clients must trust.
pub(crate) struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority, in PEM.
    pub(crate) ca: String,
}

/// Makes an authority and a certificate for [`HOSTS`]. The authority's key is forgotten at once: what trusts it trusts
/// nothing but this sandbox.
pub(crate) fn make() -> Result<Certificate, Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "genesys-guest-auth sandbox authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(HOSTS.map(str::to_owned))?;
    leaf.distinguished_name.push(DnType::CommonName, "genesys-guest-auth sandbox");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;

    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Certificate { acceptor: TlsAcceptor::from(Arc::new(config)), ca })
}
