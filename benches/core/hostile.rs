//! Answers of 1 MiB that are made to cost as much time as they can.

use std::hint::black_box;

use criterion::Criterion;
use genesys_guest_auth::benching;

const LENGTH: usize = 1024 * 1024;

fn of(open: &str, unit: &str, close: &str) -> String {
    format!("{open}{}{close}", unit.repeat((LENGTH - open.len() - close.len()) / unit.len()))
}

pub(crate) fn benches(criterion: &mut Criterion) {
    let secret = "a".repeat(64) + "b";
    let mut group = criterion.benchmark_group("a hostile answer");
    group.sample_size(10);
    for (name, text) in [
        ("token token", of("", "token ", "")),
        ("token=token=", of("", "token=", "")),
        ("almost a known credential", of("", "a", "")),
        ("members", of("{", "\"\":0,", "\"b\":1}")),
        ("escaped members", of("{", "\"\\u0062\":0,", "\"b\":1}")),
        ("an array", of("{\"a\":[", "1,", "1]}")),
        ("a hidden array", of("{\"token\":[", "[],", "1]}")),
        ("deep", of("{\"a\":", "[", "")),
        ("an escaped text", of("{\"a\":\"", "\\n", "\"}")),
        ("spaces", of("", " ", "{}")),
    ] {
        group.bench_function(format!("refused: {name}"), |bencher| {
            bencher.iter(|| black_box(benching::shown(&text, &secret, false)));
        });
        group.bench_function(format!("of an odd shape: {name}"), |bencher| {
            bencher.iter(|| black_box(benching::shown(&text, &secret, true)));
        });
    }
    for (name, text) in [
        ("members", of("{\"guestId\":\"g\",\"token\":\"t\",", "\"\":0,", "\"b\":1}")),
        ("escaped members", of("{\"guestId\":\"g\",\"token\":\"t\",", "\"\\u0062\":0,", "\"b\":1}")),
        ("different members", {
            let members: Vec<_> = (0..LENGTH / 12).map(|number| format!("\"{number:06x}\":0,")).collect();
            format!("{{\"guestId\":\"g\",\"token\":\"t\",{}\"b\":1}}", members.concat())
        }),
        ("an array", of("{\"guestId\":\"g\",\"token\":\"t\",\"a\":[", "1,", "1]}")),
        ("deep", of("{\"guestId\":\"g\",\"token\":\"t\",\"a\":", "[", "")),
        ("an escaped token", of("{\"guestId\":\"g\",\"token\":\"", "\\u0061", "\"}")),
        ("escaped tier", of("{\"tier\":\"", "\\u0061", "\"}")),
    ] {
        group.bench_function(format!("a guest: {name}"), |bencher| {
            bencher.iter(|| black_box(benching::is_guest(&text)));
        });
        group.bench_function(format!("a profile: {name}"), |bencher| {
            bencher.iter(|| black_box(benching::merged_profile(&text)));
        });
    }
    group.finish();
}
