//! The rules that a configuration can break.

/// A rule, worded to complete the sentence "`field` …". Holds no value of the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rule {
    #[error("must be an object")]
    Object,
    #[error("is required: a string that is not empty")]
    Required,
    #[error("must be a string")]
    Text,
    #[error("must not be empty")]
    NotEmpty,
    #[error("must not begin or end with white space")]
    WhiteSpace,
    #[error("must be true or false")]
    Flag,
    #[error("must be a whole number from {least} to {most}")]
    Whole { least: u64, most: u64 },

    #[error("must be a path on the same origin, beginning with one slash")]
    Path,
    #[error("must not have a query: /profiles?email= is put behind it")]
    CrmQuery,
    #[error("must be false, or the URL of a proxy: http:, https:, socks5: or socks5h:")]
    Proxy,
    #[error("must be PEM certificates: a string or an array of strings")]
    Certificates,
    #[error("must be base64, with or without the prefix whsec_, as Standard Webhooks defines it")]
    SigningSecret,
    #[error("must be 'masked', 'hashed' or 'full'")]
    AuditEmail,
    #[error("is required where auditEmail is 'hashed'")]
    SecretForHashes,
    #[error("is required where {given} is given: both are needed to write attributes")]
    AlsoRequired { given: &'static str },

    #[error("must be 'engagements' or 'web-messaging'")]
    GuestApi,
    #[error(
        "must be a region or an origin where guestApi is 'web-messaging'; for anything else give messagingUrl and cdnUrl"
    )]
    NoMessaging,
    #[error("must be true, false, or {{ tier: 'the name of a custom field' }}")]
    Contacts,
    #[error("must be an origin (https://shop.example) or a host, without blanks")]
    OriginHeader,

    #[error("must name a file")]
    OutboxPath,
    #[error("is for events on disk: it needs outbox.path")]
    NeedsOutboxPath,
    #[error("must be an array of 1 to {most} whole numbers from 1 to {longest}")]
    RetryDelays { most: usize, longest: u64 },

    #[error("is required: an object with a url")]
    RedisRequired,
    #[error("must be redis[s]://[user:password@]host[:port][/database], or an array of such for sentinel and cluster")]
    RedisUrl,
    #[error("must be one URL, except with sentinel or cluster")]
    OneUrl,
    #[error("must be all redis: or all rediss:")]
    OneScheme,
    #[error("needs a rediss: URL")]
    NeedsTls,
    #[error("must name its database by a number, as in redis://host/0")]
    Database,
    #[error("must not name a database: a cluster has one")]
    ClusterDatabase,
    #[error("must be 'reject' or 'local'")]
    OnUnavailable,
    #[error("and cluster exclude each other")]
    SentinelAndCluster,
    #[error("must be a PEM certificate chain")]
    CertificateChain,
    #[error("must be a PEM private key without a passphrase")]
    PrivateKey,
    #[error("must have both cert and key, or neither")]
    CertificateAndKey,
}
