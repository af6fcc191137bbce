//! The gate that every guest call passes: what pacing costs where there is nothing to pace.

use criterion::Criterion;
use genesys_guest_auth::benching::Gate;

pub(crate) fn benches(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let gate = Gate::new(256);
    criterion.bench_function("gate/open, nobody waits", |bencher| {
        bencher.iter(|| runtime.block_on(gate.pass()));
    });
}
