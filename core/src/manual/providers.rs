//! My provider is …: the settings for real providers, and for more than one.
//!
//! Discovery takes the issuer and finds the rest, so most providers need no more than issuer, client and redirect URI. What is
//! peculiar is a [`ProviderProfile`](crate::profile::ProviderProfile), a value: a preset, or one of your own. Each preset says how
//! far it was tested ([`Tested`](crate::profile::Tested)); `docs/providers.md` has the table.
//!
//! Before anything else, ask the probe: it plays a whole sign-in and says in one line what does not fit.
//!
//! ```text
//! cargo run -p oidc-tokio --all-features --example probe-tokio -- --issuer https://… --client-id … --client-secret … \
//!     --redirect-uri https://app.example/callback
//! ```
//!
//! Below, `config` goes into a driver's `Builder::new`, which has the rest: `Builder::new(config).build()?`. Where the settings
//! come from variables, the profile is added to them:
//!
//! ```text
//! use oidc_tokio::{Builder, oidc_core::profile::ProviderProfile};
//!
//! let oidc = Builder::from_env()?.configure(|config| config.profile(ProviderProfile::google())).build()?;
//! ```
//!
//! # Google
//!
//! Access tokens are opaque and there is no sign-out at Google: a session ends here alone. A refresh token needs the two
//! parameters (Google gives one with a consent, and not again without), and has to be kept: Google knows no scope
//! `offline_access` that would say so.
//!
//! ```
//! use oidc_core::{Config, Secret, profile::ProviderProfile};
//!
//! let config = Config::builder("https://accounts.google.com", "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .keep_tokens(true)
//!     .profile(
//!         ProviderProfile::google().authorize_parameter("access_type", "offline").authorize_parameter("prompt", "consent"),
//!     );
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # Microsoft Entra ID
//!
//! For one tenant, its own address, by its id (not by a domain's name).
//!
//! ```
//! use oidc_core::{Config, Secret, profile::ProviderProfile};
//!
//! let tenant = "9122040d-6c67-4c5b-b112-36a304b66dad";
//! let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
//! let config = Config::builder(&issuer, "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(ProviderProfile::entra_tenant(tenant));
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! For several, `organizations` and the list of those who may sign in. There is no way to let in any tenant: whoever has a
//! tenant of their own could be anybody in it.
//!
//! ```
//! use oidc_core::{Config, Secret, profile::ProviderProfile};
//!
//! let tenants = ["9122040d-6c67-4c5b-b112-36a304b66dad", "84df9e7f-e9f6-40af-b435-aaaaaaaaaaaa"];
//! let config = Config::builder("https://login.microsoftonline.com/organizations/v2.0", "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(ProviderProfile::entra(&tenants));
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! An access token for Microsoft Graph is opaque to everybody else. Ask for a scope of your own API, and name that API as the
//! [`audience`](crate::config::ConfigBuilder::audience). With a key instead of a secret, Entra ID knows the certificate by the
//! header's `x5t#S256`: `ClientKey::header("x5t#S256", …)`, or [`Signer::header`](crate::client_auth::Signer::header).
//!
//! # Apple
//!
//! The client's secret is a token that your key signs anew for each request, by whatever implements
//! [`Signer`](crate::client_auth::Signer): the drivers' `ClientKey` (feature `client-key`), or a KMS. The answer is posted across
//! sites, so the callback's cookie is `SameSite=None` and needs https.
//!
//! ```
//! use std::sync::Arc;
//! use oidc_core::client_auth::{SignedSecret, Signer};
//! use oidc_core::{Config, profile::ProviderProfile};
//!
//! # fn build(key: Arc<dyn Signer>) -> Result<(), oidc_core::error::ConfigError> {
//! let config = Config::builder("https://appleid.apple.com", "com.example.app", "https://app.example/callback")
//!     .client_secret_from(Arc::new(SignedSecret::apple("TEAM123456", "com.example.app", key)))
//!     .profile(ProviderProfile::apple());
//! # config.build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Auth0, Okta, Keycloak
//!
//! Auth0's issuer ends in a slash. Its access tokens are opaque unless an API is asked for, and so are those of Okta's org
//! server. Keycloak's are for `account` until the client has an audience mapper.
//!
//! ```
//! use oidc_core::{Config, Secret, profile::ProviderProfile};
//!
//! let auth0 = Config::builder("https://tenant.auth0.com/", "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(ProviderProfile::auth0("tenant.auth0.com").authorize_parameter("audience", "https://api.example"));
//! let okta = Config::resource_server("https://dev-1.okta.com/oauth2/default", "api://default")
//!     .profile(ProviderProfile::okta());
//! let keycloak = Config::resource_server("https://sso.example/realms/main", "my-api")
//!     .profile(ProviderProfile::keycloak());
//! # (auth0.build()?, okta.build()?, keycloak.build()?);
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # Amazon Cognito
//!
//! The issuer is the pool's; the pages and the sign-out are on a domain of yours. Access tokens name the client in place of an
//! audience, so the audience required of them is the client's id.
//!
//! ```
//! use oidc_core::{Config, Secret, profile::ProviderProfile};
//!
//! let pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";
//! let config = Config::builder(pool, "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(ProviderProfile::cognito("login.app.example"));
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # GitHub Actions, Kubernetes
//!
//! Nobody signs in there: their tokens tell which workflow or pod calls. Who may do what is a matter of their other claims,
//! such as `repository` or `kubernetes.io`, since anybody's workflow gets a token for any audience.
//!
//! ```
//! use oidc_core::{Config, profile::ProviderProfile};
//!
//! let actions = Config::resource_server("https://token.actions.githubusercontent.com", "https://deploy.example")
//!     .profile(ProviderProfile::github_actions().access_token_claim("repository_owner_id", "65"));
//! let cluster = Config::resource_server("https://kubernetes.default.svc.cluster.local", "my-api")
//!     .profile(ProviderProfile::kubernetes());
//! # (actions.build()?, cluster.build()?);
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! Where a cluster's documents need its own root or a bearer token, give the driver an HTTP client that has both, or the keys
//! themselves by [`static_keys`](crate::config::ConfigBuilder::static_keys).
//!
//! # One that signs by elliptic curves
//!
//! Kanidm signs by ES256, others by EdDSA or PS256. Each is a feature of this crate (`ecdsa`, `eddsa`, `rsa-pss`) and, besides,
//! has to be allowed: [`algorithms`](crate::config::ConfigBuilder::algorithms), or `OIDC_ALGORITHMS=ES256`.
//!
//! # One that is none of these
//!
//! ```
//! use oidc_core::profile::{Endpoint, IssuerPolicy, Logout, NoncePolicy, ProviderProfile};
//! use oidc_core::{Config, Secret, config::ClientAuth};
//!
//! let peculiar = ProviderProfile::standard("intranet")
//!     .metadata_url("https://metadata.example/oidc.json")
//!     .access_token_issuers(IssuerPolicy::OneOf(vec!["http://sts.example/trust".into()]))
//!     .endpoint(Endpoint::Userinfo, "https://sso.example/me")
//!     .client_auth(ClientAuth::Post)
//!     .nonce(NoncePolicy::IfPresent)
//!     .logout(Logout::Address { url: "https://sso.example/bye".into(), client_id_parameter: "app", return_to_parameter: "next" });
//! let config = Config::builder("https://sso.example", "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(peculiar);
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # A client with a key instead of a secret
//!
//! `private_key_jwt` needs a [`Signer`](crate::client_auth::Signer): `.signer(Arc::new(key))`. The drivers' `ClientKey` reads a PEM,
//! or the variables `OIDC_CLIENT_KEY_FILE` and `OIDC_CLIENT_KEY_ID` name it. The assertion is addressed to the issuer, so that
//! no other provider can use it; those that demand their token endpoint there say so by
//! [`assertion_audience`](crate::profile::ProviderProfile::assertion_audience).
//!
//! With [`ClientAuth::Tls`](crate::config::ClientAuth::Tls) the driver's own HTTP client shows the certificate: build it with
//! one, and hand it over by `Builder::http_client` or `Builder::agent`.
//!
//! # Opaque access tokens
//!
//! [`Client::introspect`](crate::Client::introspect) asks the provider, one request for each call; no layer or middleware does so
//! by itself. An answer that names an audience must name this one's; where the provider names none, look at
//! [`client_id`](crate::introspection::Introspection::client_id) yourself. The service needs a client of its own there, and no
//! redirect URI:
//!
//! ```
//! use oidc_core::{Config, Secret};
//!
//! let config = Config::resource_server("https://issuer.example", "my-api")
//!     .client_id("my-api")
//!     .client_secret(Secret::new("secret"));
//! # config.build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # Several providers
//!
//! One guard, one `Oidc`: `Builder::new(first).also(second)`. Bearer tokens are judged by the provider that they name, each by
//! its own keys; a page offers `/login?iss=ISSUER&return_to=/path` for each provider, or
//! [`choose_by`](crate::Guard::choose_by) picks one by the path. Each provider has a redirect URI of its own, on the one origin
//! of the application.
//!
//! ```text
//! let oidc = Builder::new(Config::builder(GOOGLE, "client", "https://app.example/callback/google") …)
//!     .also(Config::builder(WORK, "client", "https://app.example/callback/work") …)
//!     .build()?;
//! ```
//!
//! The same without a driver:
//!
//! ```
//! use std::sync::Arc;
//! use oidc_core::{Client, Config, EntropySource, Guard};
//!
//! # fn build(entropy: Arc<dyn EntropySource>) -> Result<(), oidc_core::error::ConfigError> {
//! let client = |issuer, path| -> Result<Client, oidc_core::error::ConfigError> {
//!     let config = Config::builder(issuer, "client", &format!("https://app.example/callback/{path}")).build()?;
//!     Ok(Client::new(config, Arc::clone(&entropy)))
//! };
//! let guard = Guard::several(vec![client("https://one.example", "one")?, client("https://two.example", "two")?])?
//!     .choose_by(|incoming| incoming.target.starts_with("/two/").then(|| "https://two.example".to_owned()));
//! # Ok(())
//! # }
//! ```
//!
//! An identity is `iss` and `sub` together: the same `sub` at two providers is two people. A role, a scope or an `acr` is the word
//! of the provider that gave it: where one of them is trusted less, a [`Policy`](crate::guard::Policy) names the
//! [`issuers`](crate::guard::PolicyBuilder::issuers) whose word counts. Which provider a path chooses keeps nobody out.
