//! The provider's state, and the switches that a test or a demo turns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::authorize::Pending;
use crate::fault::Fault;
use crate::keys::{Alg, KeyRing};
use crate::login::Session;
use crate::logout::{BackChannelCall, SignOut};
use crate::model::{AccessTokenRequest, DevClient, DevUser, demo_client, demo_users};
use crate::pushed::Pushed;
use crate::seeded::Seeded;
use crate::store::Store;
use crate::token::{Code, Refresh};

/// An OpenID provider as a value: its clients, users, keys and sessions.
pub struct DevProvider {
    issuer: String,
    pub(crate) clients: Vec<DevClient>,
    pub(crate) users: Vec<DevUser>,
    pub(crate) keys: KeyRing,
    pub(crate) random: Seeded,
    pub(crate) auto_login: Option<String>,
    pub(crate) acr_values: Vec<String>,
    pub(crate) signed_userinfo: bool,
    pub(crate) mtls_aliases: bool,
    pub(crate) offered_auth: Option<Vec<String>>,
    pub(crate) require_par: bool,
    pub(crate) like_the_suite: bool,
    /// What stands for an access token that tells its bearer nothing.
    pub(crate) opaque_tokens: Store<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) requests: BTreeMap<String, usize>,
    pub(crate) sessions: Store<Session>,
    pub(crate) pushed: Store<Pushed>,
    pub(crate) pending: Store<Pending>,
    pub(crate) sign_outs: Store<SignOut>,
    /// The `jti` of every client assertion that was taken, with its client.
    pub(crate) used_assertions: Store<()>,
    pub(crate) codes: Store<Code>,
    pub(crate) refresh_tokens: Store<Refresh>,
    /// Of which family an access token is, by its `jti`.
    pub(crate) families: Store<String>,
    /// The `jti`s and the families that have ended.
    pub(crate) revoked: Store<()>,
    pub(crate) consents: BTreeMap<(String, String), BTreeSet<String>>,
    pub(crate) due_calls: Vec<BackChannelCall>,
}

impl DevProvider {
    /// A provider with three users (`ada`, `alan`, `grace`) and one client (`demo-client`, secret `demo-secret`),
    /// that may use any redirect URI on a loopback host.
    ///
    /// The issuer may end in a slash; the endpoints' paths have no double slash then.
    pub fn new(issuer: &str) -> Self {
        DevProvider::with_seed(issuer, 0)
    }

    /// The same, with other keys, codes and tokens for another seed.
    pub fn with_seed(issuer: &str, seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        DevProvider {
            issuer: issuer.to_owned(),
            clients: vec![demo_client()],
            users: demo_users(),
            keys: KeyRing::new(seed, &mut random),
            random,
            auto_login: None,
            acr_values: Vec::new(),
            signed_userinfo: false,
            mtls_aliases: false,
            offered_auth: None,
            require_par: false,
            like_the_suite: false,
            opaque_tokens: Store::new(),
            fault: None,
            requests: BTreeMap::new(),
            sessions: Store::new(),
            pushed: Store::new(),
            pending: Store::new(),
            sign_outs: Store::new(),
            used_assertions: Store::new(),
            codes: Store::new(),
            refresh_tokens: Store::new(),
            families: Store::new(),
            revoked: Store::new(),
            consents: BTreeMap::new(),
            due_calls: Vec::new(),
        }
    }

    /// The issuer, as it was given.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Adds a client, or replaces the one of this id.
    pub fn add_client(&mut self, client: DevClient) {
        self.clients.retain(|known| known.id != client.id);
        self.clients.push(client);
    }

    /// Adds a user, or replaces the one of this `sub`.
    pub fn add_user(&mut self, user: DevUser) {
        match self.users.iter_mut().find(|known| known.sub == user.sub) {
            Some(known) => *known = user,
            None => {
                self.users.truncate(MAX_USERS - 1);
                self.users.push(user);
            }
        }
    }

    /// Signs this user in at every authorization request, without pages; `None` shows them again.
    ///
    /// A `sub` that nobody has becomes a user without further claims.
    pub fn auto_login(&mut self, sub: Option<&str>) {
        if let Some(sub) = sub
            && self.user(sub).is_none()
        {
            self.add_user(DevUser::new(sub));
        }
        self.auto_login = sub.map(str::to_owned);
    }

    /// The classes of authentication it can give; none at first. Who asks for one of them by `acr_values` gets the first that
    /// it can give, after a sign-in of that class, and tokens that say so by `acr`. Any other is not given, and no error.
    pub fn support_acr(&mut self, values: &[&str]) {
        self.acr_values = values.iter().copied().map(str::to_owned).collect();
    }

    /// Signs ID tokens, access tokens and userinfo by `RS256` (the default), `RS384`, `RS512`, `PS256`, `PS384` or `PS512`;
    /// with the feature `algorithms` also by `ES256`, `ES384` or `EdDSA` (Ed25519), whose keys are published from then on.
    ///
    /// # Panics
    /// If `alg` is none of these.
    pub fn sign_with(&mut self, alg: &str) {
        self.keys.choose(Alg::from_name(alg).expect("alg is one that the provider can sign by"));
    }

    /// Whether userinfo is a signed JWT.
    pub fn sign_userinfo(&mut self, signed: bool) {
        self.signed_userinfo = signed;
    }

    /// Whether there are aliases below `/mtls`, which the metadata then announces, for clients that authenticate by TLS
    /// ([RFC 8705 5](https://www.rfc-editor.org/rfc/rfc8705#section-5)). There are none at first.
    ///
    /// There is no TLS here: a [`DevClientAuth::Tls`](crate::DevClientAuth::Tls) client is believed there.
    pub fn mtls_aliases(&mut self, exist: bool) {
        self.mtls_aliases = exist;
    }

    /// The ways to authenticate that the metadata speaks of, whatever clients are registered for. At first all there are.
    pub fn offer_client_auth(&mut self, methods: &[&str]) {
        self.offered_auth = Some(methods.iter().copied().map(str::to_owned).collect());
    }

    /// Whether authorization requests must be pushed first
    /// ([RFC 9126 5](https://www.rfc-editor.org/rfc/rfc9126#section-5)); they may be anyhow.
    pub fn require_par(&mut self, required: bool) {
        self.require_par = required;
    }

    /// Signs with another key under a fresh `kid` from now on; the old one stays published if `keep_old`.
    pub fn rotate_keys(&mut self, keep_old: bool) {
        self.keys.rotate(keep_old, &mut self.random);
    }

    /// Misbehaves so from now on; `None` behaves again.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// How many requests were answered whose path ends so, such as `/jwks`.
    pub fn requests(&self, path_suffix: &str) -> usize {
        self.requests.iter().filter(|(path, _)| path.ends_with(path_suffix)).map(|(_, count)| count).sum()
    }

    /// An access token ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) without a sign-in. `now` is in Unix seconds.
    pub fn access_token(&mut self, request: AccessTokenRequest, now: u64) -> String {
        self.mint_access_token(request, now)
    }

    /// Signs anything with the current key, by the header's `alg`, if it is one that [`DevProvider::sign_with`] takes;
    /// `none` leaves the signature empty, and under any other name it is one of `RS256`. No header is added, not even `kid`.
    pub fn sign(&self, header: &Value, payload: &Value) -> String {
        let alg = header["alg"].as_str().unwrap_or_default();
        self.sign_raw(header.to_string().as_bytes(), payload.to_string().as_bytes(), alg)
    }

    /// [`DevProvider::sign`] for bytes that need not be JSON.
    pub fn sign_raw(&self, header: &[u8], payload: &[u8], alg: &str) -> String {
        self.keys.compact(header, payload, alg)
    }

    /// The signature of these bytes by the current key, as a JWS has it, by any `alg` that [`DevProvider::sign_with`] takes.
    pub fn signature(&self, message: &[u8], alg: &str) -> Vec<u8> {
        self.keys.signature(message, alg)
    }

    /// The `kid` of the key that signs.
    pub fn current_kid(&self) -> String {
        self.keys.kid()
    }

    /// The key set, as `/jwks` answers it now.
    pub fn jwks(&self) -> Value {
        self.key_set()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    /// The path of an endpoint, below the issuer's own.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base_path())
    }

    pub(crate) fn base_path(&self) -> String {
        let path = url::Url::parse(&self.issuer).map(|url| url.path().to_owned()).unwrap_or_default();
        path.trim_end_matches('/').to_owned()
    }

    pub(crate) fn client(&self, id: &str) -> Option<&DevClient> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn user(&self, sub: &str) -> Option<&DevUser> {
        self.users.iter().find(|user| user.sub == sub)
    }

    pub(crate) fn has_fault(&self, fault: &Fault) -> bool {
        self.fault.as_ref() == Some(fault)
    }
}

const MAX_USERS: usize = 1_000;
