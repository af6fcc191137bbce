use super::*;

#[test]
fn what_a_jwt_says_of_its_end_is_read_and_the_rest_is_not() {
    let jwt = |claims: &str| Secret::new(format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims)));
    assert_eq!(jwt_life(&jwt(r#"{"exp":1000,"sub":"x"}"#), 100.5), Some(Duration::from_secs(899)));
    assert_eq!(jwt_life(&jwt(r#"{"exp":"1000"}"#), 2000.0), Some(Duration::ZERO));
    assert_eq!(jwt_life(&jwt(r#"{"exp":1e308}"#), 0.0), Some(USUAL_LIFE));
    for opaque in [jwt("{}"), jwt("no JSON"), jwt(r#"{"exp":-5}"#), Secret::new("opaque"), Secret::new("a.€.b")] {
        assert_eq!(jwt_life(&opaque, 0.0), None);
    }
    let long = jwt(&format!(r#"{{"exp":1000,"pad":"{}"}}"#, "x".repeat(MOST_CLAIMS_BYTES)));
    assert_eq!(jwt_ends_at(&long), None);
}
