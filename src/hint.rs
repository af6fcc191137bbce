//! What to do about an error: one table of symptoms, causes and remedies. `docs/troubleshooting.md` is written from it by
//! `scripts/troubleshooting.mjs`, so each row has its two lines of comment and its sentence.

use std::time::Duration;

/// What ring offers.
const SPOKEN: &str = "TLS 1.2 and 1.3 with ECDHE, AES-GCM or ChaCha20, and keys of RSA, P-256, P-384 or Ed25519";

/// The remedy, with the facts of the case. Hosts are `host:port`; a proxy is shown without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Hint {
    /// symptom: `NetworkError`, `cause.code` is `ECONNREFUSED`, `EHOSTUNREACH` or `ETIMEDOUT`
    /// cause: nothing listens at that host and port, or a firewall is between
    #[error("Is the service at {host} up, and does {option} name the right host and port?")]
    Unreachable { host: String, option: &'static str },

    /// symptom: `NetworkError`, `cause.code` is `ENOTFOUND`
    /// cause: the name of the host is wrong, or no name server here knows it
    #[error("Is the name {host} right (see {option}), and can this machine look it up?")]
    UnknownHost { host: String, option: &'static str },

    /// symptom: `OAuthError`, `status` is 401, or 400 with `invalid_client` in `body`
    /// cause: the login host does not know the client, or not with this secret; a client of one region is unknown in the others
    #[error("clientId and clientSecret must belong together, and to the region of environment: {asked} was asked.")]
    LoginRefused { asked: String },

    /// symptom: `NetworkError`, the message has `through the proxy`, `cause.code` is `ECONNREFUSED`, `ENOTFOUND` or `ETIMEDOUT`
    /// cause: the proxy does not answer
    #[error("Is the proxy {proxy} up, and do proxy, HTTPS_PROXY or HTTP_PROXY name it rightly?")]
    ProxyUnreachable { proxy: String },

    /// symptom: `NetworkError`, `the proxy refused with status 403` or another one below 500
    /// cause: the proxy does not let this host or port through
    #[error("The proxy {proxy} answered {status}: it must allow CONNECT to {host}, or NO_PROXY must name that host.")]
    ProxyRefused { proxy: String, status: u16, host: String },

    /// symptom: `NetworkError`, `the proxy failed with status 503` or another one from 500
    /// cause: the proxy does not reach the host
    #[error("The proxy {proxy} answered {status}: can it look up and reach {host}?")]
    ProxyFailed { proxy: String, status: u16, host: String },

    /// symptom: `NetworkError`, `the proxy wants a login (407)`
    /// cause: the proxy's URL has no user and password, or wrong ones
    #[error("The proxy {proxy} answered 407: put its user and password into proxy, HTTPS_PROXY or HTTP_PROXY.")]
    ProxyLogin { proxy: String },

    /// symptom: `NetworkError`, `cause.code` is `UNABLE_TO_VERIFY_LEAF_SIGNATURE` or `DEPTH_ZERO_SELF_SIGNED_CERT`
    /// cause: the server's certificate is of an authority that this machine does not know, or its own
    #[error("Set ca or NODE_EXTRA_CA_CERTS to the authority of {host}, or to its own certificate.")]
    UntrustedCertificate { host: String },

    /// symptom: as before, with a name of a variable in `hint`
    /// cause: `SSL_CERT_FILE`, `SSL_CERT_DIR` or `NODE_EXTRA_CA_CERTS` leads to nothing, so that others were trusted
    #[error("{variable} names {path}, where no certificate is: correct it, or set ca to the authority of {host}.")]
    MisnamedAuthorities { variable: &'static str, path: String, host: String },

    /// symptom: `GuestConfigError`, `ca is needed`
    /// cause: an image without certificate authorities, and `SSL_CERT_FILE` does not lead to any
    #[error("Install ca-certificates, or set ca, NODE_EXTRA_CA_CERTS or SSL_CERT_FILE; looked for: {looked_for}.")]
    NoAuthorities { looked_for: String },

    /// symptom: `NetworkError`, `cause.code` is `CERT_HAS_EXPIRED` or `CERT_NOT_YET_VALID`
    /// cause: the server's certificate is too old or too new, or the clock of one side is wrong
    #[error("Renew the certificate of {host}, or set the clock of this machine: {detail}.")]
    CertificateTime { host: String, detail: String },

    /// symptom: `NetworkError`, `cause.code` is `ERR_TLS_CERT_ALTNAME_INVALID`
    /// cause: the server's certificate is for other hosts
    #[error("Does {option} name the host as its certificate does? {detail}.")]
    WrongName { option: &'static str, detail: String },

    /// symptom: `NetworkError`, `no common TLS algorithms`, or a certificate that cannot be used
    /// cause: the server has a P-521 or RSA-PSS key, or speaks old suites or versions alone
    #[error("What is spoken here: {SPOKEN}.")]
    Algorithms,

    /// symptom: `NetworkError`, `the other side does not speak TLS`
    /// cause: an `https:` URL with the port of a server without TLS
    #[error("Does {option} name the right port? Without TLS only a loopback host is allowed, with http:.")]
    NotTls { option: &'static str },

    /// symptom: an error with a `status` from 301 to 308
    /// cause: the host has moved, or a login page stands in the way
    #[error(
        "{target} is where the redirect leads: redirects are not followed, so {option} must name the host that answers."
    )]
    Redirect { target: String, option: &'static str },

    /// symptom: `NetworkError`, the message has `in the content coding`
    /// cause: the server or a gateway compresses in a way that was not offered
    #[error("{host} must answer in gzip, deflate (zlib) or plain, which are understood, and not in {coding:?}.")]
    ContentCoding { host: String, coding: String },

    /// symptom: `NetworkError`, `the answer cannot be unpacked`
    /// cause: raw deflate, which is not what HTTP calls deflate, or an answer that broke off
    #[error(
        "What {host} calls gzip or deflate must be that, deflate in the zlib format (RFC 9110, section 8.4.1), and whole."
    )]
    Undecodable { host: String },

    /// symptom: `TokenSignatureError`
    /// cause: the server signs guest tokens with another key
    #[error("tokenSigningKey must be the key of the server; the default is made of environment as it is written.")]
    Signature,

    /// symptom: `GuestForbiddenError`, `status` is 403
    /// cause: the OAuth client's role lacks a permission, or the channel takes no guests
    #[error("Does the OAuth client's role permit to create guests, and is channelId a channel that takes them?")]
    Forbidden,

    /// symptom: `GuestCreationError`, `status` is 404, `environment` is a region
    /// cause: the Guest API of the default `guestApi` is no part of Genesys Cloud; web messaging is
    #[error("{region} has no such Guest API: set guestApi to 'web-messaging', or apiUrl to the gateway that has it.")]
    NoGuestApi { region: &'static str },

    /// symptom: with `guestApi: 'web-messaging'`, `GuestForbiddenError`, `status` is 403, and `origin` is set
    /// cause: the deployment does not allow this origin, or is unknown
    #[error("The deployment's allowed domains must have the host of origin, and its id must be that of channelId.")]
    OriginRefused,

    /// symptom: the same without `origin`
    /// cause: the deployment allows some domains alone, or is unknown
    #[error("Set origin to one of the deployment's allowed domains, and check that channelId is a deployment's id.")]
    OriginMissing,

    /// symptom: with `guestApi: 'web-messaging'`, `ChannelUnavailableError`, `status` is 400 or 404
    /// cause: the deployment is of another region or organisation, deleted, or not active
    #[error("channelId must be the id of an active deployment in this region.")]
    UnknownDeployment,

    /// symptom: with `guestApi: 'web-messaging'`, `status` is 401, or `ChannelUnavailableError` with `preflightChannel`
    /// cause: the deployment takes authenticated guests alone
    #[error("The deployment wants its guests to sign in: give signIn.")]
    SignInWanted,

    /// symptom: with `guestApi: 'web-messaging'` and `signIn`, `TokenRefreshError`, `status` is 401
    /// cause: the guest's JWT is over and could not be refreshed, or is of another deployment
    #[error("The guest must sign in again: its JWT has ended or is another deployment's.")]
    SignInEnded,

    /// symptom: with `guestApi: 'web-messaging'` and `signIn`, `GuestForbiddenError`
    /// cause: the identity provider or Genesys Cloud did not accept the sign-in
    #[error("The guest must sign in again, which was refused.")]
    SignInRefused,

    /// symptom: with `guestApi: 'web-messaging'` and `token`, `GuestConflictError`, `status` is 4017
    /// cause: the session of this token belongs to a guest who has signed in
    #[error("The guest of this token has signed in: give signIn, or leave token out.")]
    TokenSignedIn,

    /// symptom: with `guestApi: 'web-messaging'` and `token`, `GuestConflictError`
    /// cause: the session has expired, or was ended elsewhere
    #[error("The session of this token is over: leave token out to begin another one.")]
    SessionOver,

    /// symptom: an error with `status` 429, or `RateLimitedError`
    /// cause: more calls than the server allows, for longer than `maxRetryAfterMs`, `maxRetries` or `timeouts.totalMs` let wait
    #[error(
        "Call again after {wait} (retryAfterMs); rateLimit keeps to a known limit, with a shared sessionStore in all processes."
    )]
    RateLimited { wait: String },
}

impl Hint {
    /// What helps where the guest API answers the creation of a guest with this status. `region`: what `environment` names.
    pub(crate) fn of_creation(status: Option<u16>, region: Option<&'static str>) -> Option<Self> {
        match (status, region) {
            (Some(403), _) => Some(Self::Forbidden),
            (Some(404), Some(region)) => Some(Self::NoGuestApi { region }),
            _ => None,
        }
    }

    /// What helps against a rate limit; `wait`: what the server asked for.
    pub(crate) fn of_rate_limit(wait: Option<Duration>) -> Self {
        Self::RateLimited { wait: wait.map_or_else(|| "a while".to_owned(), |wait| format!("{} ms", wait.as_millis())) }
    }
}
