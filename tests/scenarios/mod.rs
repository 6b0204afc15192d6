//! What a relying party must come through, as one table, carried out alike by core and by each driver: what the provider
//! does, and what is to come of it. Each of them includes this folder and gives it a [`World`].
//!
//! `cargo test -p oidc-core --test scenarios -- --nocapture` says how many rows have passed; `oidc-blocking` and
//! `oidc-tokio` have a test of the same name.

mod document;
mod flows;
mod not_applicable;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::Request;
use oidc_core::config::ConfigBuilder;
use oidc_core::error::TokenError;
use oidc_core::introspection::{Introspection, TokenHint};
use oidc_core::jose::Algorithm;
use oidc_core::login::{LoginState, Redirect};
use oidc_core::userinfo::Userinfo;
use oidc_core::{Callback, Claims, Error, LoginOptions, Secret, Session, Verdict};
use oidc_dev_provider::{DevProvider, Fault};

use not_applicable::NOT_APPLICABLE;
use table::table;

/// One row.
#[derive(Clone)]
pub(crate) struct Scenario {
    /// Its name: that of the conformance suite's module or of the fault, if there is one.
    pub(crate) name: String,
    /// What the provider does.
    pub(crate) does: String,
    pub(crate) fault: Option<Fault>,
    pub(crate) given: Given,
    pub(crate) flow: Flow,
    pub(crate) expected: Outcome,
}

/// How provider and client are set up. The default is an ordinary provider, and a client that the library's defaults are
/// good for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Given {
    /// The provider is like the simulated one of the conformance suite.
    pub(crate) suite: bool,
    /// What the provider signs with and the client takes; RS256 unless named.
    pub(crate) alg: Option<&'static str>,
    /// What the client takes, if that is something else.
    pub(crate) allowed: &'static [&'static str],
    /// How the client authenticates; the provider takes nothing else.
    pub(crate) auth: Auth,
    /// The metadata speaks of no other way to authenticate.
    pub(crate) only_auth: bool,
    /// The client addresses its assertions to the token endpoint.
    pub(crate) for_token_endpoint: bool,
    pub(crate) par: Par,
    pub(crate) form_post: bool,
    /// An ID token is asked for beside the code, which comes by form.
    pub(crate) hybrid: bool,
    pub(crate) signed_userinfo: bool,
    /// What the authorization request demands beyond the usual.
    pub(crate) prompt_none: bool,
    pub(crate) max_age: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Auth {
    #[default]
    Basic,
    /// By a secret that is asked for each time.
    BasicFromSource,
    Post,
    SecretJwt,
    PrivateKeyJwt,
    /// By a certificate, which the provider takes for shown at its aliases.
    Tls,
    Public,
}

/// Whether authorization requests are pushed beforehand.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Par {
    #[default]
    No,
    /// The client wants it so.
    Wanted,
    /// The provider demands it, and the client does it without being told.
    Demanded,
}

/// What the client does, or is made to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Flow {
    /// Starts a sign-in.
    Discovery,
    /// Signs somebody in.
    Login,
    /// And asks for userinfo.
    Userinfo,
    /// And refreshes, and asks for userinfo by the new access token.
    Refresh,
    /// And asks the provider about the access token.
    Introspect,
    /// And revokes the refresh token, by which access token and refreshes end.
    Revoke,
    /// And revokes the access token alone.
    RevokeAccess,
    /// And revokes a token of nobody's.
    RevokeUnknown,
    /// The provider turns bad between the sign-in and its refresh.
    FailingRefresh,
    /// A callback is brought twice.
    Replay,
    /// Two sign-ins are under way, and one gets the other's callback.
    Exchanged,
    /// The sign-in is one at another provider.
    OtherProvider,
    /// All keys are other ones at the second of two sign-ins.
    KeyRotation,
    /// The provider turns bad between two sign-ins.
    TwoLogins,
    /// Forty tokens name keys that were never published.
    Storm,
    /// A visit to the address that starts a sign-in on another's behalf.
    ThirdPartyLogin,
    /// And to it on behalf of another provider.
    StrangersLogin,
    /// The provider sends a logout token, that names person, session or both.
    BackChannelLogout(Named),
    /// And sends it again.
    LogoutTwice,
    /// A signed-out browser loads a frame.
    FrontChannelLogout,
    /// The frame names somebody else's session.
    OtherFrame,
    /// A person signs out here, and then at the provider.
    RpInitiatedLogout,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Named {
    Both,
    Person,
    Session,
}

/// What came of it, or is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// Refused at this step, with this code, and perhaps the name of what is wrong.
    Refused(At, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Begin,
    Introspection,
    Revocation,
    /// Where an ID token is to come beside the code: by what came, without a token request.
    InFront,
    Callback,
    Userinfo,
    Refresh,
    LogoutToken,
    AfterLogout,
    /// It is not as it should be, and nobody has noticed.
    Unnoticed,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            At::Begin => "the start",
            At::Introspection => "the question about a token",
            At::Revocation => "the revocation",
            At::InFront => "the callback, and the code is not redeemed",
            At::Callback => "the callback",
            At::Userinfo => "userinfo",
            At::Refresh => "the refresh",
            At::LogoutToken => "the logout token",
            At::AfterLogout => "the return",
            At::Unnoticed => "no step",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Accepted => f.write_str("accepted"),
            Outcome::Refused(At::Unnoticed, what) => write!(f, "unnoticed: {what}"),
            Outcome::Refused(at, reason) => match reason.split_once(' ') {
                Some((code, name)) => write!(f, "refused at {at}: `{code}`, {name}"),
                None => write!(f, "refused at {at}: `{reason}`"),
            },
        }
    }
}

/// A provider and a client of it, joined by whatever carries out the client's flows.
pub(crate) trait World: Sized {
    /// The provider is made of an address that is the world's own, the client's settings of the provider's issuer.
    fn new(provider: impl FnOnce(&str) -> DevProvider, config: impl FnOnce(&str) -> ConfigBuilder) -> Self;
    fn provider<R>(&mut self, ask: impl FnOnce(&mut DevProvider) -> R) -> R;
    /// The provider's time, in Unix seconds.
    fn now(&self) -> u64;
    fn begin_login(&mut self, options: LoginOptions) -> Result<Redirect, Error>;
    fn finish_login(&mut self, login: LoginState, callback: Callback) -> Result<Session, Error>;
    fn userinfo(&mut self, session: &Session) -> Result<Userinfo, Error>;
    fn refresh(&mut self, session: Session) -> Result<Session, Error>;
    fn introspect(&mut self, token: &Secret) -> Result<Option<Introspection>, Error>;
    fn revoke(&mut self, token: &Secret, hint: TokenHint) -> Result<(), Error>;
    fn verify_access_token(&mut self, token: &str) -> Result<Claims, TokenError>;
    fn verify_logout_token(&mut self, token: &str) -> Result<Claims, TokenError>;
    /// What the guard says of a request, where an identity is required or not.
    fn ask(&mut self, request: &Request<Vec<u8>>, required: bool) -> Verdict;
}

/// Carries out every row, a few at a time, and tells of all that failed.
pub(crate) fn run<W: World>(who: &str) {
    carry_out_all::<W>(who, table());
}

/// Carries out what the conformance suite's plans are made of in every variant: the provider as the suite's or an ordinary
/// one, each algorithm, either way back from the provider, and an ID token beside the code.
pub(crate) fn run_variants<W: World>(who: &str) {
    let of_the_suite = |row: &Scenario| not_applicable::MODULES.contains(&row.name.as_str());
    let rows = table().into_iter().filter(of_the_suite).flat_map(|row| variants(&row));
    carry_out_all::<W>(&format!("{who}, in every variant"), rows.collect());
}

fn variants(row: &Scenario) -> Vec<Scenario> {
    let mut variants = Vec::new();
    for (suite, provider) in [(true, "like the suite"), (false, "ordinary")] {
        for (form_post, hybrid, by) in
            [(true, false, "form"), (false, false, "query"), (true, true, "hybrid")]
        {
            for alg in algorithms_for(row) {
                let name = format!("{}, {provider}, {by}, {alg}", row.name);
                let given = Given { suite, form_post, hybrid, alg: Some(alg), ..row.given };
                let row = Scenario { name, given, ..row.clone() };
                variants.push(if hybrid { row.in_front() } else { row });
            }
        }
    }
    let possible = |variant: &Scenario| {
        let only_hybrid = row.given.hybrid && !variant.given.hybrid;
        // Where only RS256 is offered, nothing else can be expected.
        let only_rs256 = row.fault == Some(Fault::OnlyRs256Offered) && variant.given.alg != Some("RS256");
        !only_hybrid && !only_rs256
    };
    variants.retain(possible);
    variants
}

impl Scenario {
    /// The same with an ID token beside the code: what is wrong with every ID token shows in that one first.
    fn in_front(self) -> Self {
        let expected = match (self.expected, &self.fault) {
            // It has no `at_hash`.
            (expected, Some(Fault::InvalidAtHash)) => expected,
            (Outcome::Refused(At::Callback, code), _) => Outcome::Refused(At::InFront, code),
            (expected, _) => expected,
        };
        let given = Given { hybrid: true, form_post: true, ..self.given };
        Self { given, expected, ..self }
    }
}

/// What is right is so by any algorithm; what is wrong is so by those of every provider, or by the one that it is about.
fn algorithms_for(row: &Scenario) -> Vec<&'static str> {
    match row.given.alg {
        Some(alg) => vec![alg],
        None if row.expected == Outcome::Accepted => ALGORITHMS.to_vec(),
        None => ALGORITHMS[..3].to_vec(),
    }
}

/// Those that core may have; which of them it has is for its features to say.
pub(crate) const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Whether core was built with every algorithm that the row needs.
fn is_built(row: &Scenario) -> bool {
    let mut needed = row.given.alg.iter().chain(row.given.allowed);
    needed.all(|name| Algorithm::from_name(name).is_some())
}

fn carry_out_all<W: World>(who: &str, mut table: Vec<Scenario>) {
    let all = table.len();
    table.retain(is_built);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(row) = table.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = judge::<W>(row) {
                        failures.lock().unwrap().insert(row.name.clone(), failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let accepted = table.iter().filter(|row| row.expected == Outcome::Accepted).count();
    println!(
        "{who}: {} scenarios, of which {accepted} are to be accepted and {} to be refused; {} passed, and {} need features",
        table.len(),
        table.len() - accepted,
        table.len() - failures.len(),
        all - table.len()
    );
    let lines: Vec<String> = failures.iter().map(|(name, failure)| format!("{name}: {failure}")).collect();
    assert!(failures.is_empty(), "{who}:\n{}", lines.join("\n"));
}

/// As it is expected to be; and what is refused is accepted without its fault.
fn judge<W: World>(row: &Scenario) -> Result<(), String> {
    let found = flows::carry_out::<W>(row);
    if found != row.expected {
        return Err(format!("expected: {}; found: {found}", row.expected));
    }
    if row.fault.is_some() && row.expected != Outcome::Accepted {
        let right = flows::carry_out::<W>(&Scenario { fault: None, ..row.clone() });
        if right != Outcome::Accepted {
            return Err(format!("without its fault it is {right}"));
        }
    }
    Ok(())
}

#[test]
fn names_are_unique() {
    let table = table();
    let rows = table.iter().map(|row| row.name.as_str());
    let mut names = BTreeSet::new();
    for name in rows.chain(NOT_APPLICABLE.iter().map(|(name, _)| *name)) {
        assert!(names.insert(name), "{name} is there twice");
    }
}

#[test]
fn no_fault_is_forgotten() {
    let table = table();
    let named = |fault: &Fault| table.iter().any(|row| row.fault.as_ref() == Some(fault));
    let of_transport = |fault: &Fault| {
        matches!(
            fault,
            Fault::Html(_)
                | Fault::Status(..)
                | Fault::Redirect(_)
                | Fault::Deliver(..)
                | Fault::TruncatedJson(_)
        )
    };
    let forgotten: Vec<String> = Fault::all()
        .into_iter()
        .filter(|fault| !of_transport(fault) && !named(fault))
        .map(|fault| fault.name())
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// The modules of the conformance suite for clients, without `oidcc-client-test-`.
#[test]
fn every_module_of_the_conformance_suite_is_here() {
    let table = table();
    let mut names: BTreeSet<&str> = table.iter().map(|row| row.name.as_str()).collect();
    names.extend(NOT_APPLICABLE.iter().map(|(name, _)| *name));
    let missing: Vec<&str> =
        not_applicable::MODULES.iter().copied().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
