//! A guest token's signature.

use std::hint::black_box;

use criterion::Criterion;
use genesys_guest_auth::secret::Secret;
use genesys_guest_auth::signature::TokenVerifier;

/// Signed with the key below, which is the tutorial's for an environment called `acme`.
const GENUINE: &str = "header.payload.24134a08077f9e22";

pub(crate) fn benches(criterion: &mut Criterion) {
    let verifier = TokenVerifier::new(&Secret::new("acme-guest-signing-key"));
    let forged = format!("{}.0123456789abcdef", "x".repeat(300));
    let mut group = criterion.benchmark_group("signature");
    group.bench_function("genuine, 31 bytes", |bencher| bencher.iter(|| verifier.verify(black_box(GENUINE)).is_ok()));
    group.bench_function("forged, 317 bytes", |bencher| bencher.iter(|| verifier.verify(black_box(&forged)).is_ok()));
    group.finish();
}
