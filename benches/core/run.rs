//! The hot parts of the core, each alone: `cargo bench --bench core`, or with a name for one of them.

mod hostile;
mod limiter;
mod sessions;
mod signature;
mod validation;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    validation::benches(&mut criterion);
    signature::benches(&mut criterion);
    limiter::benches(&mut criterion);
    sessions::benches(&mut criterion);
    hostile::benches(&mut criterion);
    criterion.final_summary();
    // A maximum is no statistic that criterion could take; it is asked for by name.
    if std::env::args().any(|argument| argument == "worst-insert") {
        sessions::print_worst_insert();
    }
}
