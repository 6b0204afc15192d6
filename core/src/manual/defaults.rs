//! What holds unless you say otherwise, and why.
//!
//! # Settings
//!
//! | setting | default | why |
//! |---|---|---|
//! | issuer, audience | none: they are required | a check that is off until somebody remembers it is the most frequent hole of token libraries |
//! | algorithms | RS256 | every provider has it; what the provider offers can only narrow the list |
//! | PS256, ES256, EdDSA and their like | not compiled in: the features `rsa-pss`, `ecdsa`, `eddsa` | RS256 is what every provider must support; each algorithm is code and dependencies that an attacker can reach |
//! | bearer tokens | `at+jwt` ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) | the one kind that says of itself that it is an access token |
//! | audience of bearer tokens | the client ID | a token for this client; set the API's name where the provider has one |
//! | leeway | 60 seconds, at most 300 | clocks that are synchronised differ by less; more would lengthen every token's life |
//! | client authentication | basic with a secret, none without | what providers take unless told otherwise |
//! | age of tokens | no limit but `exp` | providers choose; [`max_token_age`](crate::config::ConfigBuilder::max_token_age) limits it |
//! | use of an access token | any number of times | a client keeps one for minutes; [`single_use_tokens`](crate::config::ConfigBuilder::single_use_tokens) takes each `jti` once |
//! | scopes | `openid profile email` | a name to show; ask for more by name |
//! | response mode | query | works with every provider, and its cookies need no `SameSite=None` |
//! | userinfo | asked at sign-in, where there is such an endpoint | several providers put the name only there; the ID token's word wins |
//! | session, idle | a day | a working day and the night after |
//! | session, absolute | a week | longer, and nobody notices that an account was closed |
//! | sessions | in cookies | nothing to run; a store adds what holds across instances (see [`sessions`](super::sessions)) |
//! | claims in the session | all | what userinfo says is often shown; [`session_claims`](crate::config::ConfigBuilder::session_claims) chooses |
//! | tokens in the session | kept if `offline_access` is asked for | what is not there cannot be stolen; [`keep_tokens`](crate::config::ConfigBuilder::keep_tokens) decides otherwise |
//! | cookie secret | random at start | the demo works at once; sessions then end with the process, and a warning says so |
//! | paths answered 401 instead of a redirect | `/api/` | a program cannot sign in; so are requests that are no page loads, wherever they go |
//!
//! # Limits that are not settings
//!
//! | what | limit | why |
//! |---|---|---|
//! | token | 16 KiB, header 4 KiB | more than most web servers take in all headers together |
//! | JSON | 32 levels, 256 members | far beyond the tokens that providers issue |
//! | `sub` | 255 bytes | OpenID Connect says so |
//! | RSA keys | 2048 to 4096 bits, odd exponent from 65537 to 2<sup>33</sup> − 1 | below can be broken, above costs time that strangers choose; [`Danger`](crate::config::Danger) widens it |
//! | key set | 512 KiB, 64 keys | far beyond the sets that providers publish |
//! | metadata, token and userinfo answers | 64 KiB | as for key sets |
//! | a flow | 5 seconds, 10 to finish a sign-in | a person waits; a request has its own deadline somewhere above |
//! | a sign-in | 10 minutes, 8 at a time in one browser | time for a second factor |
//! | a callback | 8 KiB as a query, 64 KiB as a form, 32 parameters | a form can carry what a query cannot |
//! | a return address | 2 KiB | it travels in a cookie |
//! | a logout request | 64 KiB | as for callbacks; the token in it is bounded by itself |
//! | sign-outs remembered | 65,536 of each channel, for the longest session | some 10 MB each at most; the oldest give way |
//! | tokens of the client's own | remembered until 30 s before their end, or half their lifetime; 65,536 scopes | the services that take them have clocks of their own; what ends first gives way |
//! | the address that ends a session at the provider | 2,000 bytes | beyond them the same is posted: an ID token of some kilobytes may be in it |
//! | a session in cookies | five of 4 KiB | beyond them browsers and proxies drop headers |
//! | a refresh | 30 seconds before the access token ends; its result is remembered for a minute | enough for one request, and for those that come late |
//!
//! # Fetching
//!
//! Metadata and keys are fetched when a request first needs them, so a server starts while its provider is down. How long
//! they are fresh is the provider's word (`Cache-Control` less `Age`, else `Expires`), within 60 seconds and ten minutes
//! unless [`refresh_between`](crate::config::ConfigBuilder::refresh_between) says otherwise. They are asked for again a
//! little earlier, by chance, so that a fleet of servers does not ask all at once; an `ETag` or `Last-Modified` spares the
//! body. Without a renewal in the background one request fetches, while the others go on with what is held. If that fails
//! it is tried again after about 1, 2, 4 … 60 seconds, or when `Retry-After` says, and what is held serves for a day
//! ([`max_stale`](crate::config::ConfigBuilder::max_stale)).
//!
//! A token whose key is not in the set is looked up **at once**, even a second after the last fetch: a rotation costs nobody
//! a failed request. Since strangers can provoke that, it comes out of a budget: two in a row, and one more every 5 seconds.
//! When the budget is spent, a token with an unknown key is answered 503 with `Retry-After`, and not 401: it may be good. It
//! is 401 once the set was fetched after the token came.
//!
//! # Order of checks
//!
//! Size, shape, header and algorithm; then the claims' types, the kind of token, `iss`, `aud`, times, and what the kind
//! demands; last the signature. So hopeless tokens cost microseconds and cause no fetch, and the code that a caller sees is
//! that of the first rule broken. The claims of a token are given out only when all checks have passed.
//!
//! # Drivers
//!
//! Both use rustls, follow no redirects, take no proxy from the environment, and keep to the time and size of each
//! [`Fetch`](crate::step::Fetch). The blocking driver trusts Mozilla's roots, the async one those of the platform; each also
//! takes further roots.
