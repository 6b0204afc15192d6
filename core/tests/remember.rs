//! Tokens that are remembered: seen again they cost no signature, and nothing else about them is different.
#![cfg(feature = "rsa")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oidc_core::config::Remember;
use oidc_core::error::TokenError;
use oidc_core::jose::{Algorithm, PreparedKey, PublicKey, RustCrypto, Verifier};
use oidc_core::{Claims, Client};
use support::{Seeded, World, config};

/// The real backend, counting its verifications.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<AtomicUsize>);

struct CountingKey(Box<dyn PreparedKey>, Counting);

impl Verifier for Counting {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        RustCrypto.prepare(key).map(|key| Box::new(CountingKey(key, self.clone())) as Box<dyn PreparedKey>)
    }
}

impl PreparedKey for CountingKey {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.1.0.fetch_add(1, Ordering::Relaxed);
        self.0.verify(algorithm, message, signature)
    }
}

/// The world, a client that remembers, and how many signatures it has verified.
struct Scene {
    world: World,
    client: Client,
    backend: Counting,
}

impl Scene {
    fn new(remember: Remember) -> Self {
        let backend = Counting::default();
        let config = config().remember_tokens(remember).build().unwrap();
        let client = Client::with_backend(config, Arc::new(Seeded::new()), Arc::new(backend.clone()));
        Self { world: World::new(), client, backend }
    }

    fn judge(&mut self, token: &str) -> Result<Claims, TokenError> {
        let client = self.client.clone();
        self.world.run(|now| client.verify_access_token(token, now))
    }

    fn verified(&self) -> usize {
        self.backend.0.load(Ordering::Relaxed)
    }

    /// A token that is remembered by now; two signatures, as the first had to wait for keys.
    fn remembered(&mut self) -> String {
        let token = self.world.access_token();
        assert!(self.judge(&token).is_ok() && self.judge(&token).is_ok());
        assert_eq!(self.verified(), 2);
        token
    }
}

#[test]
fn f03_a_token_that_comes_100_000_times_is_verified_no_more_than_once_per_key_set() {
    let mut scene = Scene::new(Remember::new());
    let token = scene.remembered();
    let first = scene.judge(&token);
    for _ in 0..100_000 {
        assert!(scene.judge(&token).is_ok());
    }
    assert_eq!(scene.judge(&token), first);
    assert_eq!(scene.verified(), 2);
}

#[test]
fn s46_a_remembered_token_is_refused_once_its_key_is_withdrawn() {
    let mut scene = Scene::new(Remember::new().max_age(Duration::from_secs(100_000)));
    let token = scene.remembered();
    scene.world.provider.rotate_keys(false);
    scene.world.pass(700);
    let client = scene.client.clone();
    assert!(scene.world.run(|now| client.renew_keys(now)).0.is_ok());
    assert_eq!(scene.judge(&token), Err(TokenError::UnknownKey));
}

#[test]
fn s46_a_remembered_token_is_verified_anew_by_a_new_set_that_still_has_its_key() {
    let mut scene = Scene::new(Remember::new().max_age(Duration::from_secs(100_000)));
    let token = scene.remembered();
    scene.world.provider.rotate_keys(true);
    scene.world.pass(700);
    let client = scene.client.clone();
    assert!(scene.world.run(|now| client.renew_keys(now)).0.is_ok());
    assert!(scene.judge(&token).is_ok() && scene.judge(&token).is_ok());
    assert_eq!(scene.verified(), 3);
}

#[test]
fn s46_a_remembered_token_ends_in_the_second_in_which_any_other_ends() {
    let mut scene = Scene::new(Remember::new().max_age(Duration::from_secs(100_000)));
    let token = scene.world.access_token();
    let lifetime = scene.judge(&token).unwrap().expires_at().unwrap().saturating_since(scene.world.now);
    scene.world.pass(lifetime.as_secs() + 59);
    assert!(scene.judge(&token).is_ok() && scene.judge(&token).is_ok(), "within the leeway");
    scene.world.pass(1);
    assert_eq!(scene.judge(&token), Err(TokenError::Expired));
    assert_eq!(scene.judge(&token), Err(TokenError::Expired));
}

#[test]
fn a_remembered_token_is_refused_while_the_clock_stands_before_its_issue() {
    let mut scene = Scene::new(Remember::new());
    let token = scene.remembered();
    scene.world.now = scene.world.now.saturating_sub(Duration::from_secs(61));
    assert_eq!(scene.judge(&token), Err(TokenError::ClaimInvalid("iat")));
    scene.world.pass(1);
    assert!(scene.judge(&token).is_ok());
}

#[test]
fn a_token_is_verified_anew_when_it_was_remembered_long_enough() {
    let mut scene = Scene::new(Remember::new().max_age(Duration::from_secs(30)));
    let token = scene.remembered();
    scene.world.pass(29);
    assert!(scene.judge(&token).is_ok());
    assert_eq!(scene.verified(), 2);
    scene.world.pass(1);
    assert!(scene.judge(&token).is_ok());
    assert_eq!(scene.verified(), 3);
    assert!(scene.judge(&token).is_ok());
    assert_eq!(scene.verified(), 3, "and remembered again");
}

#[test]
fn nothing_but_the_whole_token_is_recognised() {
    let mut scene = Scene::new(Remember::new());
    let token = scene.remembered();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    assert_eq!(scene.judge(&format!("{input}.{first}{}", &signature[1..])), Err(TokenError::BadSignature));
    assert!(scene.judge(&format!("{token} ")).is_err() && scene.judge(&token[..token.len() - 1]).is_err());
}

#[test]
fn what_is_not_accepted_is_not_remembered() {
    let mut scene = Scene::new(Remember::new());
    let token = scene.remembered();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for _ in 0..3 {
        assert_eq!(scene.judge(&forged), Err(TokenError::BadSignature));
    }
    assert_eq!(scene.verified(), 5);
}

#[test]
fn the_oldest_are_forgotten_when_there_are_too_many_and_are_good_all_the_same() {
    for limits in [Remember::new().entries(16), Remember::new().bytes(16 * 4096)] {
        let mut scene = Scene::new(limits);
        scene.remembered();
        let tokens: Vec<String> = (0..64).map(|_| scene.world.access_token()).collect();
        assert!(tokens.iter().all(|token| scene.judge(token).is_ok()));
        let before = scene.verified();
        assert!(tokens.iter().all(|token| scene.judge(token).is_ok()));
        assert!(
            scene.verified() - before >= 64 - 16,
            "at most one in each of 16 parts: {}",
            scene.verified()
        );
        let last = tokens.last().unwrap();
        let before = scene.verified();
        assert!(scene.judge(last).is_ok());
        assert_eq!(scene.verified(), before, "the newest is remembered");
    }
}

#[test]
fn nothing_is_remembered_where_there_is_no_room() {
    for limits in [Remember::new().entries(0), Remember::new().bytes(0)] {
        let mut scene = Scene::new(limits);
        let token = scene.remembered();
        assert!(scene.judge(&token).is_ok());
        assert_eq!(scene.verified(), 3);
    }
}
