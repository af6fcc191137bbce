use super::*;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::shard::SHARD_CAPACITY;

const HOUR: Duration = Duration::from_secs(3600);

fn commit(store: &MemoryStore, key: KeyHash, life: Duration) {
    let id = store.reserve(key).unwrap();
    store.commit(key, id, life).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_life_without_an_end_overflows_nothing() {
    let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("x"));
    tokio::time::advance(HOUR).await;
    commit(&store, key, Duration::MAX);
    tokio::time::advance(HOUR).await;
    assert!(store.reserve(key).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_blocks_its_key_until_its_token_expires() {
    let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
    commit(&store, key, Duration::from_millis(1500));
    tokio::time::advance(Duration::from_millis(1499)).await;
    assert_eq!(store.reserve(key).unwrap_err().code(), Code::DuplicateSession);
    tokio::time::advance(Duration::from_millis(64)).await;
    assert!(store.reserve(key).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_end_before_its_token_wherever_in_a_tick_it_began() {
    let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
    for life in [2000, 1999, 63, 1] {
        for begun in [1, 31, 61, 62] {
            tokio::time::advance(Duration::from_millis(begun)).await;
            commit(&store, key, Duration::from_millis(life));
            tokio::time::advance(Duration::from_millis(life - 1)).await;
            assert!(store.reserve(key).is_err(), "{life} ms that began after {begun} ms");
            tokio::time::advance(Duration::from_millis(64)).await;
            store.release(key, store.reserve(key).unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_on_when_it_is_prolonged_by_whom_it_belongs_to() {
    let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
    let first = store.commit(key, store.reserve(key).unwrap(), HOUR).unwrap();
    tokio::time::advance(HOUR / 2).await;
    let second = store.prolong(key, first, HOUR).unwrap();
    assert!(store.prolong(key, first, HOUR * 9).is_none());
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert!(store.reserve(key).is_err());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(store.prolong(key, second, HOUR).is_none(), "it is over");
    assert!(store.reserve(key).is_ok());
}

#[tokio::test(start_paused = true)]
async fn values_are_kept_for_their_life_and_within_the_bound() {
    let (store, hasher) = (MemoryStore::new(1000), KeyHasher::random());
    let keys: Vec<_> = (0..3000).map(|i| hasher.hash(&i.to_string())).collect();
    for (i, &key) in keys.iter().enumerate() {
        store.put(key, HOUR, i);
    }
    assert_eq!((store.get(keys[7]), store.get(keys[2999])), (Some(7), None));
    store.put(keys[7], HOUR * 2, 70);
    tokio::time::advance(HOUR + Duration::from_secs(1)).await;
    assert_eq!((store.get(keys[7]), store.get(keys[8])), (Some(70), None));
    (0..3000).for_each(|i| store.put(keys[i], HOUR, i));
    assert!(lock(&store.shards).len <= 1000);
    store.clear();
    assert!(keys.iter().all(|&key| store.get(key).is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_reservation_does_not_expire_and_can_be_released_by_its_holder_alone() {
    let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
    let first = store.reserve(key).unwrap();
    tokio::time::advance(HOUR * 24 * 365).await;
    assert!(store.reserve(key).is_err());
    store.invalidate(key);
    let second = store.reserve(key).unwrap();
    store.release(key, first);
    assert!(store.commit(key, first, Duration::ZERO).is_none());
    assert!(store.reserve(key).is_err());
    store.release(key, second);
    assert!(store.reserve(key).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_until_something_expires() {
    let (store, hasher) = (MemoryStore::new(1000), KeyHasher::random());
    for i in 0..1000 {
        commit(&store, hasher.hash(&i.to_string()), if i == 500 { Duration::from_secs(1) } else { HOUR });
    }
    assert_eq!(store.reserve(hasher.hash("x")).unwrap_err().code(), Code::SessionCapacity);
    tokio::time::advance(Duration::from_secs(2)).await;
    let id = store.reserve(hasher.hash("x")).unwrap();
    assert_eq!(store.reserve(hasher.hash("y")).unwrap_err().code(), Code::SessionCapacity);
    store.release(hasher.hash("x"), id);
    assert_eq!(store.len(), 999);
}

#[tokio::test(start_paused = true)]
async fn expired_sessions_leave_by_themselves() {
    let (store, hasher) = (MemoryStore::new(1_000_000), KeyHasher::random());
    for round in 0..20 {
        for i in 0..20_000 {
            commit(&store, hasher.hash(&format!("{round}-{i}")), Duration::from_secs(10));
        }
        tokio::time::advance(Duration::from_secs(11)).await;
    }
    let held = lock(&store.shards).len;
    assert!(held <= 40_000, "{held} of 400,000 are still held");
    assert_eq!(store.len(), 0);
    (0..=SWEEP_EVERY).for_each(|_| drop(store.reserve(hasher.hash("x"))));
    store.invalidate(hasher.hash("x"));
    (0..=SWEEP_EVERY).for_each(|i| drop(store.reserve(hasher.hash(&i.to_string()))));
    assert_eq!(lock(&store.shards).all.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_key_is_found_again_after_the_shards_were_split() {
    let (store, hasher) = (MemoryStore::new(1_000_000), KeyHasher::random());
    for i in 0..50_000 {
        commit(&store, hasher.hash(&i.to_string()), HOUR);
    }
    assert!((0..50_000).all(|i| store.reserve(hasher.hash(&i.to_string())).is_err()));
    assert_eq!(store.len(), 50_000);
    let shards = lock(&store.shards);
    let fill = 50_000.0 / (shards.all.len() * SHARD_CAPACITY) as f64;
    assert!(fill > 0.5, "{fill}");
}

#[tokio::test(start_paused = true)]
async fn counts_agree_with_the_shards_after_any_mixture() {
    let (store, hasher) = (MemoryStore::new(300), KeyHasher::random());
    fastrand::seed(7);
    for _ in 0..20_000 {
        let key = hasher.hash(&fastrand::u32(0..500).to_string());
        match (fastrand::u8(0..4), store.reserve(key)) {
            (0, Ok(id)) => store.release(key, id),
            (1, _) => store.invalidate(key),
            (_, Ok(id)) => drop(store.commit(key, id, Duration::from_secs(fastrand::u64(0..20))).unwrap()),
            (_, Err(_)) => tokio::time::advance(Duration::from_millis(fastrand::u64(0..200))).await,
        }
        let shards = lock(&store.shards);
        assert_eq!(shards.len, shards.all.iter().map(Shard::len).sum::<usize>());
        assert!(shards.len <= 300);
    }
}
