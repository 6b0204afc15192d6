//! Mistakes that do not compile.
//!
//! Each is shown beside what compiles, so that it is the mistake which the compiler refuses. All of it is tested.
//!
//! # Claims that nobody has verified
//!
//! Verification alone makes [`Claims`](crate::Claims): whoever is given some need not ask where they come from.
//!
//! ```compile_fail,E0616
//! # #![allow(unused_imports)]
//! # use oidc_core::Claims;
//! # use oidc_core::{error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn claims(other: Claims) -> Claims {
//!     Claims { said: other.said.clone() }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Claims;
//! # use oidc_core::{error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn claims(rules: &TokenRules, token: &str, keys: &KeySet, now: UnixTime) -> Result<Claims, TokenError> {
//!     rules.verify(token, keys, now)
//! }
//! ```
//!
//! # Claims out of JSON
//!
//! They can be written as JSON, and not be read from it.
//!
//! ```compile_fail,E0277
//! # #![allow(unused_imports)]
//! # use oidc_core::Claims;
//! fn stored(text: &str) -> serde_json::Result<Claims> {
//!     serde_json::from_str(text)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Claims;
//! fn to_store(claims: &Claims) -> serde_json::Result<String> {
//!     serde_json::to_string(claims)
//! }
//! ```
//!
//! # A refusal that is passed over
//!
//! A token that was refused has no claims to go on with.
//!
//! ```compile_fail,E0308
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn caller(rules: &TokenRules, token: &str, keys: &KeySet, now: UnixTime) -> Result<String, TokenError> {
//!     let claims: Claims = rules.verify(token, keys, now);
//!     Ok(claims.iss().to_owned())
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn caller(rules: &TokenRules, token: &str, keys: &KeySet, now: UnixTime) -> Result<String, TokenError> {
//!     let claims: Claims = rules.verify(token, keys, now)?;
//!     Ok(claims.iss().to_owned())
//! }
//! ```
//!
//! # What a token says of itself, taken for proven
//!
//! [`Unverified`](crate::token::Unverified) chooses the rules; no way leads from it to claims.
//!
//! ```compile_fail,E0277
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::{TokenRules, Unverified}};
//! fn claims(token: &str) -> Result<Claims, TokenError> {
//!     Ok(Unverified::peek(token)?.into())
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::{TokenRules, Unverified}};
//! fn claims(rules: &TokenRules, token: &str, keys: &KeySet, now: UnixTime) -> Result<Option<Claims>, TokenError> {
//!     let ours = Unverified::peek(token)?.issuer() == "https://issuer.example";
//!     ours.then(|| rules.verify(token, keys, now)).transpose()
//! }
//! ```
//!
//! # A signature, taken for a verified token
//!
//! [`verify_signature`](crate::token::verify_signature) knows nothing of issuer, audience or time, and so gives bytes.
//!
//! ```compile_fail,E0308
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::{Algorithm, KeySet}, token::verify_signature};
//! fn payload(token: &str, keys: &KeySet) -> Result<Claims, TokenError> {
//!     verify_signature(token, &[Algorithm::Rs256], keys)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::{Algorithm, KeySet}, token::verify_signature};
//! fn payload(token: &str, keys: &KeySet) -> Result<Vec<u8>, TokenError> {
//!     verify_signature(token, &[Algorithm::Rs256], keys)
//! }
//! ```
//!
//! # Rules without an audience
//!
//! There are no rules without both issuer and audience.
//!
//! ```compile_fail,E0061
//! # #![allow(unused_imports)]
//! # use oidc_core::{error::ConfigError, token::TokenRules};
//! fn rules() -> Result<TokenRules, ConfigError> {
//!     TokenRules::access("https://issuer.example")
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{error::ConfigError, token::TokenRules};
//! fn rules() -> Result<TokenRules, ConfigError> {
//!     TokenRules::access("https://issuer.example", "my-api")
//! }
//! ```
//!
//! # A verification without a time
//!
//! Core has no clock, so that none can be forgotten: time is an argument.
//!
//! ```compile_fail,E0061
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn check(rules: &TokenRules, token: &str, keys: &KeySet) -> Result<Claims, TokenError> {
//!     rules.verify(token, keys)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, error::TokenError, jose::KeySet, time::UnixTime, token::TokenRules};
//! fn check(rules: &TokenRules, token: &str, keys: &KeySet, now: UnixTime) -> Result<Claims, TokenError> {
//!     rules.verify(token, keys, now)
//! }
//! ```
//!
//! # An algorithm that is none
//!
//! [`Algorithm`](crate::jose::Algorithm) has no member for unsigned tokens, nor for symmetric signatures.
//!
//! ```compile_fail,E0599
//! # #![allow(unused_imports)]
//! # use oidc_core::{error::ConfigError, jose::Algorithm, token::TokenRules};
//! fn lax(rules: TokenRules) -> Result<TokenRules, ConfigError> {
//!     rules.algorithms(&[Algorithm::None])
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{error::ConfigError, jose::Algorithm, token::TokenRules};
//! fn strict(rules: TokenRules) -> Result<TokenRules, ConfigError> {
//!     rules.algorithms(&[Algorithm::Rs512])
//! }
//! ```
//!
//! # A list of algorithms that is taken for complete
//!
//! There may be more of them one day.
//!
//! ```compile_fail,E0004
//! # #![allow(unused_imports)]
//! # use oidc_core::jose::Algorithm;
//! fn bits(algorithm: Algorithm) -> Option<u32> {
//!     match algorithm {
//!         Algorithm::Rs256 => Some(256),
//!         Algorithm::Rs384 => Some(384),
//!         Algorithm::Rs512 => Some(512),
//!     }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::jose::Algorithm;
//! fn bits(algorithm: Algorithm) -> Option<u32> {
//!     match algorithm {
//!         Algorithm::Rs256 => Some(256),
//!         Algorithm::Rs384 => Some(384),
//!         Algorithm::Rs512 => Some(512),
//!         _ => None,
//!     }
//! }
//! ```
//!
//! # A key set that signs
//!
//! It holds public keys, and can only verify.
//!
//! ```compile_fail,E0599
//! # #![allow(unused_imports)]
//! # use oidc_core::jose::{KeySet, KeySetError, RustCrypto};
//! fn sign(keys: &KeySet, message: &[u8]) -> Vec<u8> {
//!     keys.sign(message)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::jose::{KeySet, KeySetError, RustCrypto};
//! fn usable(json: &[u8]) -> Result<usize, KeySetError> {
//!     Ok(KeySet::parse(json, &RustCrypto)?.len())
//! }
//! ```
//!
//! # A secret in a message
//!
//! A [`Secret`](crate::Secret) has no text to be shown, and its `Debug` shows nothing of it.
//!
//! ```compile_fail,E0277
//! # #![allow(unused_imports)]
//! # use oidc_core::Secret;
//! fn log(secret: &Secret) -> String {
//!     format!("signed in with {secret}")
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Secret;
//! fn log(secret: &Secret) -> String {
//!     format!("signed in with {secret:?}")
//! }
//! assert_eq!(log(&Secret::new("hush")), "signed in with [redacted]");
//! ```
//!
//! # Secrets that are compared by an operator
//!
//! `==` would tell by its time how much of a guess is right.
//!
//! ```compile_fail,E0369
//! # #![allow(unused_imports)]
//! # use oidc_core::Secret;
//! fn same(known: &Secret, presented: &Secret) -> bool {
//!     known == presented
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Secret;
//! fn same(known: &Secret, presented: &Secret) -> bool {
//!     use subtle::ConstantTimeEq;
//!     known.expose().as_bytes().ct_eq(presented.expose().as_bytes()).into()
//! }
//! ```
//!
//! # A session that nobody has signed in to
//!
//! A [`Session`](crate::Session) comes out of a sign-in, or of the seal of a cookie.
//!
//! ```compile_fail,E0451
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, Client, Session, Step, error::Error, time::UnixTime};
//! # use oidc_core::{Callback, login::LoginState};
//! fn session(claims: Claims, other: Session) -> Session {
//!     Session { claims, ..other }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, Client, Session, Step, error::Error, time::UnixTime};
//! # use oidc_core::{Callback, login::LoginState};
//! fn session(client: &Client, login: LoginState, callback: Callback, now: UnixTime) -> Step<Result<Session, Error>> {
//!     client.finish_login(login, callback, now)
//! }
//! ```
//!
//! # An identity that nobody has shown
//!
//! An [`Identity`](crate::Identity) comes out of a [`Verdict`](crate::Verdict).
//!
//! ```compile_fail,E0451
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, Identity, Verdict};
//! fn become_somebody(claims: Claims, me: Identity) -> Identity {
//!     Identity { claims, ..me }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Claims, Identity, Verdict};
//! fn who(verdict: Verdict) -> Option<Identity> {
//!     match verdict {
//!         Verdict::Allow { identity, .. } => identity,
//!         Verdict::Reply { .. } => None,
//!     }
//! }
//! ```
//!
//! # A visitor who is taken for somebody
//!
//! A request that is let through may be nobody's.
//!
//! ```compile_fail,E0599
//! # #![allow(unused_imports)]
//! # use oidc_core::Identity;
//! fn greet(identity: &Option<Identity>) -> String {
//!     identity.sub().to_owned()
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Identity;
//! fn greet(identity: &Option<Identity>) -> String {
//!     identity.as_ref().map_or("nobody", |identity| identity.sub()).to_owned()
//! }
//! ```
//!
//! # Settings that were not checked
//!
//! A [`Config`](crate::Config) is built, and then as a whole.
//!
//! ```compile_fail,E0451
//! # #![allow(unused_imports)]
//! # use oidc_core::{Config, error::ConfigError};
//! fn patched(config: Config) -> Config {
//!     Config { single_use_tokens: false, ..config }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Config, error::ConfigError};
//! fn built() -> Result<Config, ConfigError> {
//!     Config::resource_server("https://issuer.example", "my-api").single_use_tokens(true).build()
//! }
//! ```
//!
//! # A check that is lifted in passing
//!
//! [`Danger`](crate::config::Danger) has a method for each, which a reader finds and the log names.
//!
//! ```compile_fail,E0451
//! # #![allow(unused_imports)]
//! # use oidc_core::config::Danger;
//! fn lifted() -> Danger {
//!     Danger { small_exponents: true, ..Danger::new() }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::config::Danger;
//! fn lifted() -> Danger {
//!     Danger::new().small_exponents()
//! }
//! ```
//!
//! # A client without a random source
//!
//! Core has none that it could fall back to.
//!
//! ```compile_fail,E0061
//! # #![allow(unused_imports)]
//! # use std::sync::Arc;
//! # use oidc_core::{Client, Config, EntropySource};
//! fn client(config: Config) -> Client {
//!     Client::new(config)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use std::sync::Arc;
//! # use oidc_core::{Client, Config, EntropySource};
//! fn client(config: Config, entropy: Arc<dyn EntropySource>) -> Client {
//!     Client::new(config, entropy)
//! }
//! ```
//!
//! # A sign-in that is finished twice
//!
//! [`finish_login`](crate::Client::finish_login) uses the sign-in up.
//!
//! ```compile_fail,E0382
//! # #![allow(unused_imports)]
//! # use oidc_core::{Callback, Client, login::LoginState, time::UnixTime};
//! fn finish(client: &Client, login: LoginState, callbacks: [Callback; 2], now: UnixTime) {
//!     let [first, second] = callbacks;
//!     let _ = client.finish_login(login, first, now);
//!     let _ = client.finish_login(login, second, now);
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Callback, Client, login::LoginState, time::UnixTime};
//! fn finish(client: &Client, login: LoginState, callbacks: [Callback; 2], now: UnixTime) {
//!     let [first, _second] = callbacks;
//!     let _ = client.finish_login(login, first, now);
//! }
//! ```
//!
//! # A callback that serves two sign-ins
//!
//! A [`Callback`](crate::Callback) is used up as well, and cannot be copied.
//!
//! ```compile_fail,E0277
//! # #![allow(unused_imports)]
//! # use oidc_core::Callback;
//! fn both(callback: Callback) -> (Callback, Callback) {
//!     (Clone::clone(&callback), callback)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::Callback;
//! fn one(callback: Callback) -> (Callback,) {
//!     (callback,)
//! }
//! ```
//!
//! # A code that belongs to no sign-in
//!
//! What a callback holds is given out to a sign-in that it answers.
//!
//! ```compile_fail,E0616
//! # #![allow(unused_imports)]
//! # use oidc_core::{Callback, Client, Session, Step, error::Error, login::LoginState, time::UnixTime};
//! fn redeem(callback: Callback) {
//!     let code = callback.outcome;
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Callback, Client, Session, Step, error::Error, login::LoginState, time::UnixTime};
//! fn redeem(client: &Client, login: LoginState, callback: Callback, now: UnixTime) -> Step<Result<Session, Error>> {
//!     client.finish_login(login, callback, now)
//! }
//! ```
//!
//! # A step that is resumed twice
//!
//! The rest of a flow can be gone on with once.
//!
//! ```compile_fail,E0382
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, step::{FetchResult, Reply}, time::UnixTime};
//! fn replay<T>(reply: Reply<T>, results: [FetchResult; 2], now: UnixTime) -> [Step<T>; 2] {
//!     let [first, second] = results;
//!     [reply.resume(first, now), reply.resume(second, now)]
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, step::{FetchResult, Reply}, time::UnixTime};
//! fn answer<T>(reply: Reply<T>, results: [FetchResult; 2], now: UnixTime) -> [Step<T>; 1] {
//!     let [first, _second] = results;
//!     [reply.resume(first, now)]
//! }
//! ```
//!
//! # A flow that is resumed after its end
//!
//! What is done has nothing to resume.
//!
//! ```compile_fail,E0599
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, time::UnixTime};
//! fn more<T>(step: Step<T>, now: UnixTime) -> Option<T> {
//!     match step {
//!         Step::Done(value) => value.resume(now),
//!         _ => None,
//!     }
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, time::UnixTime};
//! fn result<T>(step: Step<T>) -> Option<T> {
//!     match step {
//!         Step::Done(value) => Some(value),
//!         _ => None,
//!     }
//! }
//! ```
//!
//! # The store's word in place of the provider's
//!
//! Each request takes the answer that is due to it.
//!
//! ```compile_fail,E0308
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, step::{Reply, StoreReply, StoreResult}, time::UnixTime};
//! fn mixed_up<T>(reply: Reply<T>, result: StoreResult, now: UnixTime) -> Step<T> {
//!     reply.resume(result, now)
//! }
//! ```
//!
//! ```
//! # #![allow(unused_imports)]
//! # use oidc_core::{Step, step::{Reply, StoreReply, StoreResult}, time::UnixTime};
//! fn answered<T>(reply: StoreReply<T>, result: StoreResult, now: UnixTime) -> Step<T> {
//!     reply.resume(result, now)
//! }
//! ```
//!
//! # A step that is let fall
//!
//! The compiler warns, and a program may make that an error.
//!
//! ```compile_fail
//! #![deny(unused_must_use)]
//! # #![allow(unused_imports)]
//! # use oidc_core::{Client, Session, Step, error::Error, time::UnixTime, userinfo::Userinfo};
//! fn forgotten(client: &Client, session: &Session, now: UnixTime) {
//!     client.userinfo(session, now);
//! }
//! ```
//!
//! ```
//! #![deny(unused_must_use)]
//! # #![allow(unused_imports)]
//! # use oidc_core::{Client, Session, Step, error::Error, time::UnixTime, userinfo::Userinfo};
//! fn carried_out(client: &Client, session: &Session, now: UnixTime) -> Step<Result<Userinfo, Error>> {
//!     client.userinfo(session, now)
//! }
//! ```
