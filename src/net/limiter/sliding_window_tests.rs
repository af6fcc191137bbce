use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn window(requests: u32) -> SlidingWindow {
    SlidingWindow::new(RateLimit { requests, period: ms(1000) })
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_one_period_after_the_answer() {
    let (mut window, start) = (window(1), Instant::now());
    window.sent();
    assert!(window.opens(0, start + ms(5000)) > start + ms(6000), "no answer has come");
    window.answered(start + ms(300));
    assert_eq!(window.opens(0, start + ms(300)), start + ms(1301));
    assert_eq!(window.opens(0, start + ms(1301)), start + ms(1301));
}

#[tokio::test(start_paused = true)]
async fn who_has_others_before_him_waits_for_their_places_too() {
    let (mut window, start) = (window(2), Instant::now());
    (0..2).for_each(|_| window.sent());
    (1..=2).for_each(|turn| window.answered(start + ms(turn * 100)));
    let now = start + ms(200);
    let opens: Vec<u64> = (0..5).map(|ahead| (window.opens(ahead, now) - start).as_millis() as u64).collect();
    assert_eq!(opens, [1101, 1201, 2102, 2202, 3103]);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_costs_nothing_and_what_may_be_on_its_way_a_second_more() {
    let (mut window, start) = (window(1), Instant::now());
    window.sent();
    window.unsent();
    assert_eq!(window.opens(0, start), start);
    window.sent();
    window.lost(start);
    for later in [start, start + ms(1500)] {
        assert_eq!(window.opens(0, later), start + ON_ITS_WAY + window.hold());
    }
}

#[tokio::test(start_paused = true)]
async fn the_smaller_limit_wins_and_what_others_use_is_missing() {
    let (mut window, start) = (window(10), Instant::now());
    window.allow(4);
    (0..3).for_each(|_| window.sent());
    assert_eq!(window.opens(0, start), start);
    window.counted(4, start);
    assert_ne!(window.opens(0, start), start);
    window.allow(40);
    assert_eq!((window.limit(), window.opens(5, start)), (10, start));
    window.share(Some(2));
    assert_ne!(window.opens(1, start), start);
}

proptest! {
    #[test]
    fn history_tells_of_every_request_and_makes_none_older(
        answers in proptest::collection::vec((0..200_u64, 1..4_u32), 0..40),
        rest in 0..400_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _entered = runtime.enter();
        let (mut window, mut now) = (window(1000), Instant::now());
        let mut all = Vec::new();
        for (gap, requests) in answers {
            now += ms(gap);
            for _ in 0..requests {
                window.sent();
                window.answered(now);
                all.push(now);
            }
        }
        now += ms(rest);
        let history = window.history(now, 15);
        // The oldest first, as they were answered.
        let held: Vec<u64> =
            all.iter().map(|answered| (now - *answered).as_millis() as u64).filter(|age| *age < 1001).collect();
        let told: Vec<u64> =
            history.iter().flat_map(|(age, requests)| std::iter::repeat_n(*age, *requests as usize)).collect();
        prop_assert_eq!(told.len(), held.len());
        for (told, held) in told.iter().zip(&held) {
            prop_assert!(told <= held && held - told <= 15, "{told} for {held}");
        }
        prop_assert!(history.len() <= 68);
    }
}
