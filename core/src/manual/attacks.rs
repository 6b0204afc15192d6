//! Attacks and our defence.
//!
//! Each row names the attack, what stops it, and the [code](crate::Error::code) with which it is refused. Most of these
//! attacks have worked on widely used libraries. A dash means that nothing is refused: the attack has no effect.
//!
//! # Tokens
//!
//! | attack | defence | code |
//! |---|---|---|
//! | `alg` is `none` | [`Algorithm`](crate::jose::Algorithm) has no such member | `algorithm_not_allowed` |
//! | the public key serves as an HMAC secret (`HS256`) | no algorithm here is symmetric | `algorithm_not_allowed` |
//! | an algorithm that the provider offers and you do not want | the configuration alone allows algorithms | `algorithm_not_allowed` |
//! | a key is used with an algorithm that it is not for | a key serves the algorithms of its own type and curve; `alg`, `use` and `key_ops` of a JWK pin it | `unknown_key` |
//! | the token brings its own key (`jwk`, `jku`, `x5u`, `x5c`) | these members are never looked at | `unknown_key`, `bad_signature` |
//! | an extension changes what is signed (`crit`, `b64`) | both are refused, whatever they say | `critical_header` |
//! | an encrypted, compressed or nested token carries unsigned claims | only three segments, and no `enc`, `zip`, `epk`, `p2c`, no `cty` of `JWT` | `malformed` |
//! | a second text of one token slips past a block list | base64url is canonical: no padding, no spare bits, no white space | `malformed` |
//! | a claim stands twice, and two parsers take different ones | no member may stand twice, at any depth, after unescaping | `malformed` |
//! | a claim of an odd type counts as absent (`"exp": "never"`, `"nbf": null`) | a wrong type is an error in every claim that a rule reads, optional ones too | `claim_invalid` |
//! | a time so large that adding to it wraps around | times end with the year 9999, and arithmetic saturates | `claim_invalid` |
//! | a token without expiry | `exp` is required | `claim_missing` |
//! | a token of another issuer | `iss` is compared byte by byte | `claim_invalid` |
//! | a token for another service | `aud` must name this one; at a sign-in it may name no other that is not trusted | `claim_invalid` |
//! | a sign-in with an ID token of another client (`azp`) | `azp` must be this client | `claim_invalid` |
//! | an ID token passes for an access token, or a logout token for either | `typ`, and the claims that mark each kind | `wrong_type` |
//! | a token that is bound to a key is used without that key | `cnf` is refused in bearer tokens | `claim_invalid` |
//! | a forged PKCS #1 v1.5 signature | exponents from 65537, signatures of the modulus's length, and the padding compared as a whole | `bad_signature` |
//! | an ECDSA signature of zeros, which is right for any message where nobody looks | both numbers lie between zero and the curve's order | `bad_signature` |
//! | a key that is no point of its curve | the backend refuses it, and it is skipped | `unknown_key`, `keys_unavailable` |
//! | a key that can be factored | RSA keys of 2048 to 4096 bits only; others are skipped | `unknown_key`, `keys_unavailable` |
//! | an access token is swapped in the token response | `at_hash`, where the ID token has it | `claim_invalid` |
//! | a token of megabytes, or nested a million deep | 16 KiB, of which the header has 4; 32 levels; 256 members | `too_large`, `malformed` |
//!
//! Cheap checks come first: a signature is computed only for a token of which everything else is right.
//!
//! # Keys
//!
//! | attack | defence | code |
//! |---|---|---|
//! | a flood of made-up key names makes this side flood the provider | such fetches come out of a budget: two at once, then one in 5 seconds | `unknown_key`, `keys_unavailable` |
//! | a flood of forged signatures does | a wrong signature under a known key name causes no fetch | `bad_signature` |
//! | all requests at once find the keys old | one fetches, the others go on with what is held, or wait | – |
//! | a key set of thousands of keys | more than 64 are refused whole; at most four keys are tried for a token | `keys_unavailable` |
//! | one odd key takes the whole set along | a key that is not understood is skipped | – |
//! | a broken or empty key set signs everybody out | what is held stays, for a day | – |
//!
//! # Sign-in
//!
//! | attack | defence | code |
//! |---|---|---|
//! | a victim's browser is sent to the callback with the attacker's code | `state` must be in a sealed cookie of this browser | `state_mismatch` |
//! | a callback is played again | a sign-in is used up by its first callback, in this process, or everywhere if there is a store | `state_mismatch` |
//! | a stolen code is redeemed elsewhere, or put into another sign-in | PKCE with S256, and `nonce`; both are fresh for each sign-in | `provider_error`, `claim_invalid` |
//! | the answer of one provider is taken for another's (mix-up) | each provider has a redirect URI of its own, and an answer counts only at that of the provider which was asked; besides, `iss` of RFC 9207, demanded beside a code where the provider announces it | `state_mismatch`, `issuer_mismatch`, `issuer_param_missing` |
//! | another tenant of the provider's signs people in | tenants are named one by one, and the claim must fit the issuer | `claim_invalid` |
//! | an assertion of the client's is used at another provider | it is addressed to the issuer, good for a minute and once | – |
//! | a session's access token is sent to another provider's userinfo | a client takes sessions of its own issuer only | `other_provider` |
//! | with `code id_token`, a code of somebody else's is put beside an ID token | `c_hash` is demanded, before the code is redeemed | `claim_missing`, `claim_invalid` |
//! | a parameter stands twice | refused, also as `code[]`, and across query and form | `duplicate_parameter` |
//! | an error and a code at once | the error wins | `provider_error` |
//! | the return address leads to another site | paths of visible ASCII without `\`, beginning with one `/`; anything else becomes `/` | – |
//! | an old sign-in page is finished by the next person at the machine | ten minutes, inside the seal | `state_mismatch` |
//! | many tabs overwrite each other's sign-in | a cookie for each sign-in, at most eight | – |
//!
//! # The provider's answers
//!
//! | attack | defence | code |
//! |---|---|---|
//! | metadata that speaks of another issuer | compared byte by byte | `issuer_mismatch` |
//! | metadata that leads to plain http | only https; http where issuer and endpoint are both on loopback | `provider_insecure` |
//! | a redirect leads the request, with its credentials, elsewhere | none is followed | `provider_status` |
//! | an answer that never ends, or comes byte by byte | 64 KiB, 512 KiB for key sets, and a time for the whole exchange | `provider_too_large`, `provider_timeout` |
//! | a login page of a captive network in place of JSON | status and media type must be right | `provider_status`, `provider_content_type` |
//! | userinfo of somebody else | `sub` must be the ID token's | `subject_mismatch` |
//! | a refreshed ID token of somebody else | it passes the verifier of all ID tokens, and `sub` must stay | `subject_mismatch` |
//!
//! # Sessions and requests
//!
//! | attack | defence | code |
//! |---|---|---|
//! | a cookie is made up or changed | authenticated encryption; it does not open, and there is no session | – |
//! | a cookie of one purpose, client or issuer serves as another's | all three are bound to the seal | – |
//! | an old cookie is kept beyond the session's end | the end is inside the seal | – |
//! | a neighbour on the same domain plants a cookie | `__Host-` names; two different sessions that both open are none | – |
//! | a script reads the cookie | `HttpOnly` | – |
//! | a copy of the cookie outlives the sign-out | every sign-out ends the session itself, and so all copies | – |
//! | a session's name is guessed, or read in the store | 256 random bits under the seal; the store knows a hash, and holds records that are sealed and name themselves | – |
//! | somebody fills the store, or keeps it busy | a request without a cookie that opens never reaches it | – |
//! | a replaced refresh token is used twice, so that the provider ends everything | one refresh at a time for each session, by turns and by leases; its result is given to those who come late | – |
//! | another site signs the person out | POST with this origin's `Origin` only | `origin_mismatch` |
//! | a cache keeps somebody's cookie | `no-store` wherever a cookie is set | – |
//! | two tokens, of which different programs take different ones | refused | `invalid_request` |
//! | a bad token hides behind a good session | a token is judged alone, and never falls back to the session | that of the token |
//! | text of the attacker's in an error page or a log | pages have none; logs show it cut, quoted and escaped | – |
//!
//! # Sockets
//!
//! | attack | defence | code |
//! |---|---|---|
//! | a page of another origin opens a socket with the person's cookies | `Origin` must be this server's where a cookie counts, to the letter | `origin_mismatch` |
//! | a socket outlives token, session or sign-out | all of a process are watched by one clock and one look at what has ended; closed with 1008 within a second | `expired`, `signed_out` |
//! | a fresh token of somebody else changes who is on a socket | it must be of the same issuer and subject | `subject_mismatch` |
//! | a token in an address ends up in logs | the query counts only if that is configured, and for sockets only | `no_credentials` |
//! | the token among the subprotocols is sent back | the one that is chosen is `bearer`, always | – |
//! | handshakes drip, or are many | ten seconds, and 256 at a time of which the oldest gives way (`oidc-blocking`; in tokio the server's own limits hold) | – |
//!
//! # Sign-outs by the provider
//!
//! | attack | defence | code |
//! |---|---|---|
//! | somebody else's word signs people out | a logout token passes all checks of tokens, and those of its kind: `events`, no `nonce`, somebody whom it names | that of the token |
//! | an ID token or access token passes for a logout token | `events`, which no other kind carries, and `typ` | `claim_missing`, `wrong_type` |
//! | a logout token is played again, to sign out whoever signs in anew | its `jti` is used up, it is taken for two minutes, and what began after its `iat` lives | `claim_invalid` |
//! | a sign-in that is about to finish outlives the sign-out | an ID token issued before it makes no session that lives, by the provider's clock alone | – |
//! | the same `sub` at another issuer | a sign-out concerns sessions of its own issuer | – |
//! | a flood of junk costs signatures or fetches | the order of checks and the budget are those of all tokens | as above |
//! | any page makes browsers load the front-channel address | it ends the one session whose name at the provider is given, and no cookie stands in for that name | `invalid_request` |
//! | made-up names by the front channel crowd out what a logout token said | they are remembered apart | – |
//! | the front-channel answer is framed, to show or steal something | it is empty, and only the provider may frame it | – |
//!
//! # What is not stopped
//!
//! - Whoever steals a bearer token can use it until it expires, and whoever steals a session cookie until the session ends.
//!   Keep lifetimes short where that matters.
//! - Without a store, a session that was ended lives on in processes that were not told, and in all that have restarted since:
//!   each keeps its own list. Beyond 65,536 sign-outs within a session's lifetime the oldest are forgotten, with a warning in
//!   the log. Strangers can fill the list of the front channel; register the back channel where the provider has it.
//! - Where ID tokens are taken as bearer tokens, which is off by default, every program that is given one for your audience
//!   can call you with it.
//! - Where any JWT is taken as an access token, also off by default, an ID token without `nonce`, `at_hash` and `c_hash` cannot
//!   be told from one.
//! - A session ends by its own lifetimes: what the provider does to the account meanwhile is not seen, unless it sends a
//!   sign-out, or refuses to refresh a session that keeps tokens.
//! - Without a store, a callback can be played again in another process, within ten minutes and by the same browser only. The
//!   provider then refuses the code, which is good for one use.
//! - Requests that change something in your application: `SameSite=Lax` keeps other sites' forms from carrying the session,
//!   but not those of other hosts under the same registrable domain. Check `Origin`, or use tokens against forgery.
//! - Scripts of an attacker in your own pages act as the person.
//! - A provider that lies about who signed in is believed.
