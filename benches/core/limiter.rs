//! The limiter that every guest call passes: what it costs where there is nothing to limit.

use criterion::Criterion;
use genesys_guest_auth::benching::Limiter;

pub(crate) fn benches(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let limiter = Limiter::new(256);
    criterion.bench_function("limiter/open, nobody waits", |bencher| {
        bencher.iter(|| runtime.block_on(limiter.pass()));
    });
}
