//! Issuer identifiers: what one looks like, and by which of them a token may say that it was issued.

use std::borrow::Cow;

use url::Url;

use crate::config::{is_loopback, refuse_credentials};
use crate::error::{ConfigError, Quirk, TokenError};
use crate::jose::Registered;

/// An issuer identifier, kept byte for byte ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer(pub(crate) String);

impl Issuer {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new("issuer", format!("{problem}: {text:?}"));
        refuse_credentials("issuer", text)?;
        let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
        if !text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return Err(wrong("must be plain ASCII without spaces"));
        }
        if text.contains(['{', '}']) {
            return Err(wrong("is a template; put the tenant's name in its place"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must have neither query nor fragment"));
        }
        match url.scheme() {
            "https" => Ok(Self(text.to_owned())),
            "http" if is_loopback(&url) => Ok(Self(text.to_owned())),
            "http" => Err(wrong("must be https; http is taken on loopback only")),
            _ => Err(wrong("must be an https URL")),
        }
    }

    /// Where the metadata is: exactly one trailing slash gives way
    /// ([OpenID Connect Discovery section 4.1](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest)).
    pub(crate) fn metadata_url(&self) -> String {
        let base = self.0.strip_suffix('/').unwrap_or(&self.0);
        format!("{base}/.well-known/openid-configuration")
    }

    /// Plain http is taken for endpoints only where the issuer itself is on loopback.
    pub(crate) fn allows_http(&self) -> bool {
        self.0.starts_with("http://")
    }
}

/// By which issuers a token may say that it was issued, all of which sign with the same key set. Each is compared byte by
/// byte ([OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation),
/// rule 2).
///
/// There is none that takes any issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IssuerPolicy {
    /// The configured issuer alone.
    #[default]
    Exact,
    /// One of these; the configured issuer is one of them only if it is named.
    OneOf(Vec<String>),
    /// One of these texts, in which the claim's value stands in place of `{claim}`, such as
    /// `https://login.microsoftonline.com/{tid}/v2.0`: if that value is one of `allowed`.
    Template {
        /// Issuers with the claim's name in braces.
        templates: Vec<String>,
        /// The claim, a string that the token must carry.
        claim: &'static str,
        /// The values of the claim that are taken, byte by byte.
        allowed: Vec<String>,
    },
    /// This text, or this text, a slash, and one segment of `A-Z a-z 0-9 -`, at most 100 bytes long.
    Segment(String),
}

impl IssuerPolicy {
    /// That a token's `iss` is one of these.
    pub(crate) fn check(&self, configured: &str, claims: &Registered<'_>) -> Result<(), TokenError> {
        let iss = &*claims.iss;
        let accepted = match self {
            Self::Template { claim, .. } => {
                let said = claims.text(claim)?;
                self.names(configured, iss, |value| said.as_deref() == Some(value))
            }
            _ => self.names(configured, iss, |_| false),
        };
        if accepted { Ok(()) } else { Err(self.refusal(configured, claims)) }
    }

    /// The value of a template's claim.
    pub(crate) fn tenant<'a>(&self, claims: &Registered<'a>) -> Option<Cow<'a, str>> {
        let Self::Template { claim, .. } = self else { return None };
        claims.text(claim).ok().flatten()
    }

    /// That an answer beside any token names one of these: of a template, with any of the allowed values.
    pub(crate) fn allows(&self, configured: &str, iss: &str) -> bool {
        self.names(configured, iss, |_| true)
    }

    /// That some name is one of both. Those that go by segments share one only if the shortest name of either is the other's.
    pub(crate) fn overlaps(&self, configured: &str, other: &Self, other_configured: &str) -> bool {
        let ours = self.some_names(configured);
        let theirs = other.some_names(other_configured);
        theirs.iter().any(|iss| self.allows(configured, iss))
            || ours.iter().any(|iss| other.allows(other_configured, iss))
    }

    /// All of them; of those that go by segments, the shortest.
    fn some_names(&self, configured: &str) -> Vec<String> {
        match self {
            Self::Exact => vec![configured.to_owned()],
            Self::OneOf(names) => names.clone(),
            Self::Template { templates, claim, allowed } => {
                let place = format!("{{{claim}}}");
                let of = |template: &String| {
                    allowed.iter().map(|value| template.replacen(&place, value, 1)).collect::<Vec<_>>()
                };
                templates.iter().flat_map(of).collect()
            }
            Self::Segment(prefix) => vec![prefix.clone()],
        }
    }

    /// Of a template, by a value that is allowed and `said`. Anybody can ask, of any number of tenants: so it is read out of
    /// `iss`, and no text is made for each.
    fn names(&self, configured: &str, iss: &str, said: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Exact => iss == configured,
            Self::OneOf(names) => names.iter().any(|name| name == iss),
            Self::Template { templates, claim: name, allowed } => {
                let place = format!("{{{name}}}");
                let value_in = |template: &String| {
                    let (before, after) = template.split_once(&place)?;
                    iss.strip_prefix(before)?.strip_suffix(after)
                };
                let is_one = |value| said(value) && allowed.iter().any(|allowed| allowed == value);
                templates.iter().filter_map(value_in).any(is_one)
            }
            Self::Segment(prefix) => match iss.strip_prefix(prefix.as_str()) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('/').is_some_and(is_segment),
                None => false,
            },
        }
    }

    /// Why, if it is one of the usual mistakes.
    fn refusal(&self, configured: &str, claims: &Registered<'_>) -> TokenError {
        // Whoever issues it: no other setting would make it acceptable.
        if let Some(quirk @ Quirk::MicrosoftGraph) = Quirk::of_audiences(claims.aud.iter().map(|aud| &**aud))
        {
            return quirk.into();
        }
        let iss = &*claims.iss;
        let known: Vec<Cow<'_, str>> = match self {
            Self::Exact => vec![configured.into()],
            Self::OneOf(names) => names.iter().map(|name| name.as_str().into()).collect(),
            Self::Segment(prefix) => vec![prefix.as_str().into()],
            Self::Template { .. } => return Quirk::Tenant.into(),
        };
        let same = |without: fn(&str) -> &str| known.iter().any(|known| without(known) == without(iss));
        if same(|text| text.trim_end_matches('/')) {
            Quirk::TrailingSlash.into()
        } else if same(|text| text.split_once("://").map_or(text, |(_, rest)| rest)) {
            Quirk::Scheme.into()
        } else if iss.starts_with("https://sts.windows.net/") {
            Quirk::EntraVersion1.into()
        } else if iss.ends_with("/adfs/services/trust") {
            Quirk::AdfsTrust.into()
        } else {
            TokenError::ClaimInvalid("iss")
        }
    }

    /// Nothing that could take more than was meant.
    pub(crate) fn checked(self, setting: &'static str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| Err(ConfigError::new(setting, problem.to_owned()));
        let empty = |texts: &[String]| texts.is_empty() || texts.iter().any(String::is_empty);
        match &self {
            Self::OneOf(names) if empty(names) => wrong("names no issuer, or an empty one"),
            Self::Template { allowed, .. } if empty(allowed) => {
                wrong("must name the tenants that are taken; without them anybody's tenant would be one")
            }
            Self::Template { templates, claim, .. } => {
                let place = format!("{{{claim}}}");
                let once = |template: &String| template.matches(&place).count() == 1;
                if claim.is_empty() || templates.is_empty() || !templates.iter().all(once) {
                    return wrong("is a template in which the claim's name must stand once, in braces");
                }
                Ok(self)
            }
            Self::Segment(prefix) if prefix.is_empty() || prefix.ends_with('/') => {
                wrong("is a prefix that must be an issuer without a slash at its end")
            }
            _ => Ok(self),
        }
    }
}

fn is_segment(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_met_by_the_whole_of_an_allowed_value_and_by_nothing_else() {
        let texts = |all: &[&str]| all.iter().copied().map(str::to_owned).collect::<Vec<_>>();
        let policy = IssuerPolicy::Template {
            templates: texts(&["https://x/{t}/x", "urn:{t}"]),
            claim: "t",
            allowed: texts(&["a", "b/x", "{t}", "é", ".*"]),
        };
        for iss in ["https://x/a/x", "https://x/b/x/x", "https://x/{t}/x", "https://x/é/x", "urn:a", "urn:.*"]
        {
            assert!(policy.allows("", iss), "{iss}");
        }
        for iss in
            ["", "https://x/x", "https://x//x", "https://x/a", "https://x/a/x/x", "https://x/c/x", "urn:"]
        {
            assert!(!policy.allows("", iss), "{iss}");
        }
        for iss in ["https://x/A/x", "https://x/e\u{301}/x", "https://x/aa/x", " urn:a", "urn:a\0", "a"] {
            assert!(!policy.allows("", iss), "{iss}");
        }
        let all = policy.some_names("");
        assert!(all.len() == 10 && all.iter().all(|name| policy.allows("", name)));
    }
}
