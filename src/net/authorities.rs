//! Where certificate authorities are looked for.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_native_certs::load_certs_from_paths;

/// Where distributions keep their authorities, for the case that `SSL_CERT_FILE` or `SSL_CERT_DIR` leads nowhere.
const USUAL_FILES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const FILE: &str = "SSL_CERT_FILE";
const FOLDER: &str = "SSL_CERT_DIR";
const NODE: &str = "NODE_EXTRA_CA_CERTS";

/// Those that Node itself trusts besides the system's. Like Node, a file that cannot be read is passed over.
pub(super) fn of_node() -> Vec<CertificateDer<'static>> {
    let pem = named_by(NODE).and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect()
}

/// Those in the usual places.
pub(super) fn usual() -> Vec<CertificateDer<'static>> {
    USUAL_FILES.iter().flat_map(|file| load_certs_from_paths(Some(Path::new(file)), None).certs).collect()
}

/// All places, for messages.
pub(super) fn looked_for() -> String {
    let named = [FILE, FOLDER, NODE]
        .into_iter()
        .filter_map(|variable| named_by(variable).map(|path| format!("{} ({variable})", path.to_string_lossy())));
    named.chain(USUAL_FILES.map(str::to_owned)).collect::<Vec<_>>().join(", ")
}

/// The first variable that leads to no certificate, and where it leads. Looked at once: so is what is trusted.
pub(super) fn misnamed() -> Option<(&'static str, String)> {
    static FOUND: LazyLock<Option<(&str, String)>> = LazyLock::new(|| {
        [FILE, FOLDER, NODE].into_iter().find_map(|variable| {
            let named = named_by(variable)?;
            let path = Some(Path::new(&named));
            let (file, folder) = if variable == FOLDER { (None, path) } else { (path, None) };
            let is_empty = load_certs_from_paths(file, folder).certs.is_empty();
            is_empty.then(|| (variable, named.to_string_lossy().into_owned()))
        })
    });
    FOUND.clone()
}

fn named_by(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|path| !path.is_empty())
}
