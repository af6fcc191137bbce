//! The hot parts of the core, each alone: `cargo bench --bench core`, or with a name for one of them.

mod hostile;
mod limiter;
mod sessions;
mod signature;
mod validation;

use criterion::Criterion;

fn main() {
    // A maximum is no statistic that criterion could take; it is asked for by name. Nothing runs before it: the allocator
    // would give back to the kernel, in the middle of it, what the other benches have freed.
    if std::env::args().any(|argument| argument == "worst-insert") {
        return sessions::print_worst_insert();
    }
    let mut criterion = Criterion::default().configure_from_args();
    validation::benches(&mut criterion);
    signature::benches(&mut criterion);
    limiter::benches(&mut criterion);
    sessions::benches(&mut criterion);
    hostile::benches(&mut criterion);
    criterion.final_summary();
}
