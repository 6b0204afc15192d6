//! Verifies tokens from standard input by a key set from a file, and says in JSON what they are worth.
//!
//! ```text
//! verify --jwks FILE --issuer I --audience A [--type id|access|logout] [--alg RS256,RS384] [--now SECONDS]
//!        [--leeway S] [--nonce N] [--lines]
//! verify --jwks FILE --signature-only [--alg RS256,RS384] [--lines]
//! ```
//! Exit code 0: good, 1: refused, 2: not asked properly.

#![expect(clippy::disallowed_methods, reason = "the library is pure; a tool has a clock and reads files")]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::Claims;
use oidc_core::error::{ConfigError, Malformation, Segment, TokenError};
use oidc_core::jose::{Algorithm, KeySet, RustCrypto};
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules, verify_signature};
use serde::Serialize;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("verify: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether every token is good.
fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse(env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()))?;
    let judge = Judge::new(&options)?;
    if options.has("--lines") {
        let mut all_good = true;
        for line in io::stdin().lock().split(b'\n') {
            let line = line?;
            all_good &= report(&judge.judge(line.strip_suffix(b"\r").unwrap_or(&line)))?;
        }
        return Ok(all_good);
    }
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    report(&judge.judge(without_newline(&input)))
}

/// At most one final newline is not the token's.
fn without_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n").or(text.strip_suffix(b"\n")).unwrap_or(text)
}

fn report(judged: &Judged) -> Result<bool, Box<dyn Error>> {
    writeln!(io::stdout(), "{}", serde_json::to_string(judged)?)?;
    Ok(judged.ok)
}

/// A line of the output.
#[derive(Default, Serialize)]
struct Judged {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Claims>,
    /// Of `--signature-only`: base64url, since nobody knows what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'static str>,
}

/// By what tokens are judged.
struct Judge {
    keys: KeySet,
    algorithms: Vec<Algorithm>,
    /// Nothing but the signature is looked at where there are none.
    rules: Option<TokenRules>,
    now: Option<UnixTime>,
}

impl Judge {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let algorithms = options.algorithms()?;
        let rules = if options.has("--signature-only") {
            options.refuse(&["--issuer", "--audience", "--type", "--nonce"], "--signature-only")?;
            None
        } else {
            Some(options.rules(&algorithms)?)
        };
        let now = options.number("--now")?.map(UnixTime::from_secs);
        let file = options.required("--jwks")?;
        let jwks = fs::read(file).map_err(|error| format!("--jwks: {file:?} cannot be read: {error}"))?;
        let keys = KeySet::parse(&jwks, &RustCrypto)
            .map_err(|error| format!("--jwks: {file:?} is not a key set: {error}"))?;
        Ok(Self { keys, algorithms, rules, now })
    }

    fn judge(&self, token: &[u8]) -> Judged {
        self.accept(token).unwrap_or_else(|error| Judged {
            code: Some(error.code()),
            message: Some(error.to_string()),
            claim: error.claim(),
            ..Judged::default()
        })
    }

    fn accept(&self, token: &[u8]) -> Result<Judged, TokenError> {
        let not_text = |_| TokenError::Malformed { segment: Segment::Token, reason: Malformation::Utf8 };
        let token = std::str::from_utf8(token).map_err(not_text)?;
        let Some(rules) = &self.rules else {
            let payload = verify_signature(token, &self.algorithms, &self.keys)?;
            let payload = Some(Base64UrlUnpadded::encode_string(&payload));
            return Ok(Judged { ok: true, payload, ..Judged::default() });
        };
        let claims = rules.verify(token, &self.keys, self.now.unwrap_or_else(clock))?;
        Ok(Judged { ok: true, claims: Some(claims), ..Judged::default() })
    }
}

fn clock() -> UnixTime {
    UnixTime::since_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// The command line: each option at most once, its value after it.
struct Options(BTreeMap<String, String>);

const WITH_VALUE: [&str; 8] =
    ["--jwks", "--issuer", "--audience", "--type", "--alg", "--now", "--leeway", "--nonce"];
const WITHOUT_VALUE: [&str; 2] = ["--lines", "--signature-only"];

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = BTreeMap::new();
        while let Some(name) = arguments.next() {
            let value = if WITHOUT_VALUE.contains(&name.as_str()) {
                String::new()
            } else if WITH_VALUE.contains(&name.as_str()) {
                arguments.next().filter(|value| !value.is_empty()).ok_or(format!("{name} needs a value"))?
            } else {
                let known = [&WITH_VALUE[..], &WITHOUT_VALUE].concat().join(", ");
                return Err(format!("{name:?} is none of {known}"));
            };
            if options.insert(name.clone(), value).is_some() {
                return Err(format!("{name} stands twice"));
            }
        }
        Ok(Self(options))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        self.value(name).ok_or(format!("{name} is required"))
    }

    fn refuse(&self, names: &[&str], beside: &str) -> Result<(), String> {
        match names.iter().find(|name| self.has(name)) {
            Some(name) => Err(format!("{name} has no effect beside {beside}")),
            None => Ok(()),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let wrong = |text: &str| format!("{name}: not a whole number of seconds: {text:?}");
        self.value(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    fn algorithms(&self) -> Result<Vec<Algorithm>, String> {
        let text = self.value("--alg").unwrap_or("RS256");
        let algorithms: Option<_> = text.split(',').map(Algorithm::from_name).collect();
        algorithms.ok_or(format!("--alg: not a list of algorithms that are compiled in: {text:?}"))
    }

    fn rules(&self, algorithms: &[Algorithm]) -> Result<TokenRules, String> {
        let (issuer, audience) = (self.required("--issuer")?, self.required("--audience")?);
        let kind = self.value("--type").unwrap_or("id");
        if kind != "id" {
            self.refuse(&["--nonce"], &format!("--type {kind}"))?;
        }
        let rules = match kind {
            "id" => TokenRules::id(issuer, audience),
            "access" => TokenRules::access(issuer, audience)
                .and_then(|rules| rules.accept(&[AccessToken::AtJwt, AccessToken::Jwt])),
            "logout" => TokenRules::logout(issuer, audience),
            other => return Err(format!("--type: none of id, access, logout: {other:?}")),
        };
        let leeway = Duration::from_secs(self.number("--leeway")?.unwrap_or(60));
        let rules = rules
            .and_then(|rules| rules.algorithms(algorithms)?.leeway(leeway))
            .map_err(|error| in_words_of_options(&error))?;
        Ok(match self.value("--nonce") {
            Some(nonce) => rules.nonce(nonce),
            None => rules,
        })
    }
}

/// `OIDC_LEEWAY: …` is `--leeway: …` here.
fn in_words_of_options(error: &ConfigError) -> String {
    error.to_string().replacen(
        &format!("OIDC_{}", error.setting().to_uppercase()),
        &format!("--{}", error.setting()),
        1,
    )
}
