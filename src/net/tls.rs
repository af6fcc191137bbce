//! The TLS of all clients of an instance: the system's authorities, the given ones, and server certificates that vouch for
//! themselves.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::authorities;
use super::cause::SelfSignedCertificate;
use crate::error::Error;
use crate::hint::Hint;

/// A configuration that trusts the system's authorities, those of `NODE_EXTRA_CA_CERTS` and the `given` ones.
pub(super) fn config(given: &[CertificateDer<'static>]) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config("ca", "cannot be used").with_cause(error.to_string()))?;
    let verifier = SelfSignedVerifier { inner: verifier(given)?, trusted: given.to_vec() };
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// A configuration for clients that never use TLS: reading the system's certificates would be for nothing.
pub(super) fn unused() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config("ca", "cannot be used").with_cause(error.to_string()))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

fn verifier(given: &[CertificateDer<'static>]) -> Result<Verifier, Error> {
    let damaged = |error: rustls::Error| {
        Error::config("ca", "has a certificate that cannot be used").with_cause(error.to_string())
    };
    let mut extra: Vec<_> = given.to_vec();
    extra.extend(authorities::of_node());
    // Alone they tell a damaged one from a system without any.
    let mut known = RootCertStore::empty();
    for root in &extra {
        known.add(root.clone()).map_err(damaged)?;
    }
    if let Ok(verifier) = Verifier::new_with_extra_roots(extra.clone(), provider()) {
        return Ok(verifier);
    }
    extra.extend(authorities::usual());
    Verifier::new_with_extra_roots(extra, provider()).map_err(|_| {
        Error::config("ca", "is needed: no certificate authorities were found")
            .with_hint(Hint::NoAuthorities { looked_for: authorities::looked_for() })
    })
}

/// Accepts, beside what the system's verifier accepts, a server certificate that is itself among the trusted ones.
/// `openssl req -x509` marks such certificates as authorities, which no server's certificate may be (RFC 5280 §4.2.1.9), and
/// Node takes them all the same.
#[derive(Debug)]
struct SelfSignedVerifier {
    inner: Verifier,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for SelfSignedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Its dates have been checked before this one.
            Err(error) if is_authority_as_server(&error) && self.trusted.iter().any(|one| one == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) if is_untrusted(&error) && is_self_signed(end_entity) => {
                let error = OtherError(Arc::new(SelfSignedCertificate));
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(error)))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_untrusted(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) || is_authority_as_server(error)
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

fn is_authority_as_server(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
