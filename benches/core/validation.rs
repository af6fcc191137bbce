//! A payload judged as zod judges it.

use std::hint::black_box;

use criterion::Criterion;
use genesys_guest_auth::validation::{Candidate, Field, Given, validate};

fn text(text: &str) -> Field {
    Field { given: Given::Text(text.into()), present: true }
}

fn candidate(email: &str, consent: bool) -> Candidate {
    Candidate {
        email: text(email),
        consent: Field { given: Given::Boolean(consent), present: true },
        channel_id: text("web-chat-emea"),
        name: text("Jane Q. Public"),
        attributes: Field { given: Given::Undefined, present: false },
    }
}

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validation");
    let mut bench = |name: &str, email: &str, consent: bool| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || candidate(email, consent),
                |candidate| black_box(validate(candidate).is_ok()),
                criterion::BatchSize::SmallInput,
            );
        });
    };
    bench("accepted", "jane.q.public+tag@mail.example.com", true);
    bench("refused, two issues", "jane.q.public@mail..example.com", false);
    // What makes a backtracking engine slow must not make this one slow.
    bench("refused, 64 KiB of near misses", &"a.".repeat(32 * 1024), true);
    group.finish();
}
