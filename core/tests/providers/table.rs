//! The providers that there are presets for, and what is peculiar to each.

use oidc_core::profile::{ProviderProfile, Tested};
use serde_json::Value;

use crate::scene::{Scene, fixture};

pub(crate) const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// A preset and what it is for.
pub(crate) struct Provider {
    pub(crate) fixture: &'static str,
    pub(crate) preset: fn() -> ProviderProfile,
    /// For the docs.
    pub(crate) call: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) peculiar: &'static str,
}

pub(crate) const PROVIDERS: [Provider; 16] = [
    Provider {
        fixture: "adfs",
        preset: || ProviderProfile::adfs("adfs.example"),
        call: "adfs(host)",
        issuer: "`https://HOST/adfs`",
        peculiar: "Access tokens have an issuer of their own, which may be http. Userinfo says no more than \
                   `sub`, and is not asked.",
    },
    Provider {
        fixture: "apple",
        preset: ProviderProfile::apple,
        call: "apple()",
        issuer: "`https://appleid.apple.com`",
        peculiar: "The answer comes by `form_post`. The secret is a token that the client signs \
                   (`SignedSecret::apple`), sent in the form. Booleans are strings at times. There is neither \
                   userinfo nor a sign-out. The name comes once, beside the code.",
    },
    Provider {
        fixture: "auth0",
        preset: || ProviderProfile::auth0("tenant.eu.auth0.com"),
        call: "auth0(domain)",
        issuer: "`https://DOMAIN/`",
        peculiar: "The issuer ends with a slash. Access tokens are opaque unless a sign-in asks for an \
                   `audience`. The sign-out is Auth0's own.",
    },
    Provider {
        fixture: "authentik",
        preset: ProviderProfile::authentik,
        call: "authentik()",
        issuer: "`https://HOST/application/o/APPLICATION/`",
        peculiar: "The issuer ends with a slash. Without a signing key the key set is `{}`, and nothing can be \
                   verified.",
    },
    Provider {
        fixture: "cognito",
        preset: || ProviderProfile::cognito("login.example"),
        call: "cognito(domain)",
        issuer: "`https://cognito-idp.REGION.amazonaws.com/POOL`",
        peculiar: "Access tokens have no `aud`: they say `client_id`, and `token_use` tells them from ID \
                   tokens. Pages are on another host, and so is the sign-out, which is Cognito's own.",
    },
    Provider {
        fixture: "dex",
        preset: ProviderProfile::dex,
        call: "dex()",
        issuer: "the `issuer` of its settings",
        peculiar: "Access tokens are ID tokens without scopes. There is no sign-out.",
    },
    Provider {
        fixture: "entra_common",
        preset: || ProviderProfile::entra(&[TENANT]),
        call: "entra(tenants)",
        issuer: "`https://login.microsoftonline.com/common/v2.0` or `…/organizations/v2.0`",
        peculiar: "The metadata speaks for all tenants, as `{tenantid}`; tokens speak for one, and only those \
                   listed are taken. Access tokens may be of version 1, and must name their client, as ID \
                   tokens do not. Those for Microsoft Graph are nobody else's. A key that is for one tenant \
                   signs for that one alone.",
    },
    Provider {
        fixture: "entra_tenant",
        preset: || ProviderProfile::entra_tenant(TENANT),
        call: "entra_tenant(tenant)",
        issuer: "`https://login.microsoftonline.com/TENANT/v2.0`, by the tenant's id",
        peculiar: "The same for one tenant, whose metadata has its name.",
    },
    Provider {
        fixture: "github_actions",
        preset: ProviderProfile::github_actions,
        call: "github_actions()",
        issuer: "`https://token.actions.githubusercontent.com`",
        peculiar: "For resource servers: nobody signs in. Enterprises have an issuer below it and the same \
                   keys, and `repository` is what to decide by.",
    },
    Provider {
        fixture: "google",
        preset: ProviderProfile::google,
        call: "google()",
        issuer: "`https://accounts.google.com`",
        peculiar: "ID tokens may leave out the scheme of the issuer. Access tokens are opaque. There is no \
                   sign-out.",
    },
    Provider {
        fixture: "keycloak",
        preset: ProviderProfile::keycloak,
        call: "keycloak()",
        issuer: "`https://HOST/realms/REALM`",
        peculiar: "Access tokens are for `account` unless an audience mapper says more, and name their client \
                   as `azp`. Their claim `typ` must say `Bearer`, as an ID token's says `ID`.",
    },
    Provider {
        fixture: "kubernetes",
        preset: ProviderProfile::kubernetes,
        call: "kubernetes()",
        issuer: "the cluster's `--service-account-issuer`",
        peculiar: "For resource servers: nobody signs in. The keys are often at an address that only the \
                   cluster reaches, and of the type `application/jwk-set+json`.",
    },
    Provider {
        fixture: "linkedin",
        preset: ProviderProfile::linkedin,
        call: "linkedin()",
        issuer: "`https://www.linkedin.com/oauth`",
        peculiar: "It forgets the nonce and refuses PKCE, so that nothing holds a stolen code to its sign-in. \
                   The secret goes in the form. Booleans are strings at times. Access tokens are opaque. \
                   There is no sign-out.",
    },
    Provider {
        fixture: "okta",
        preset: ProviderProfile::okta,
        call: "okta()",
        issuer: "`https://DOMAIN/oauth2/SERVER`, or `https://DOMAIN`, whose access tokens are opaque",
        peculiar: "Access tokens have no `typ`, name their client as `cid`, and have their scopes as an array \
                   in `scp`.",
    },
    Provider {
        fixture: "ping",
        preset: ProviderProfile::ping,
        call: "ping()",
        issuer: "as its metadata says",
        peculiar: "Access tokens have no `typ`, and the key set may be long.",
    },
    Provider {
        fixture: "salesforce",
        preset: ProviderProfile::salesforce,
        call: "salesforce()",
        issuer: "the org's My Domain, `https://ORG.my.salesforce.com`",
        peculiar: "Access tokens are opaque unless the app issues JWTs. The answer of the token endpoint does \
                   not say how long they live.",
    },
];

impl Provider {
    pub(crate) fn fixture(&self) -> Value {
        fixture(self.fixture)
    }

    pub(crate) fn scene(&self) -> Scene {
        if self.fixture().get("id_token").is_none() {
            return Scene::resource_server(self.fixture, (self.preset)());
        }
        Scene::new(self.fixture, (self.preset)())
    }
}

pub(crate) fn where_people_sign_in() -> impl Iterator<Item = &'static Provider> {
    PROVIDERS.iter().filter(|provider| provider.fixture().get("id_token").is_some())
}

/// Implementations that the end-to-end tests sign in with, and which need no preset.
const WITHOUT_PRESET: [(&str, &str); 3] = [
    ("[oidc-provider](https://github.com/panva/node-oidc-provider)", "e2e/lib/provider.mjs"),
    ("[Canaille](https://canaille.readthedocs.io)", "e2e/providers/canaille"),
    ("[Django OAuth Toolkit](https://django-oauth-toolkit.readthedocs.io)", "e2e/providers/django"),
];

/// What the docs say of all of them.
pub(crate) fn page() -> String {
    let presets = PROVIDERS.iter().map(|provider| {
        let (profile, Provider { call, issuer, peculiar, .. }) = ((provider.preset)(), provider);
        format!("| {} | `{call}` | {issuer} | {peculiar} | {} |", profile.name(), profile.tested().name())
    });
    let others = WITHOUT_PRESET.iter().map(|(name, place)| {
        format!("| {name} | none | as configured | Nothing: see `{place}`. | {} |", Tested::EndToEnd.name())
    });
    let rows: Vec<String> = presets.chain(others).collect();
    format!("{HEAD}{}\n\n{FOOT}", rows.join("\n"))
}

const HEAD: &str = "\
# Providers

A provider that keeps to the standards needs nothing but its issuer. For others there are presets of `ProviderProfile`, which
are values like those that you can make yourself; no other code knows any provider by name.

<!-- Written by core/tests/providers.rs: UPDATE_DOCS=1 cargo test -p oidc-core --test providers -->

| provider | preset | issuer | what is peculiar | tested |
| --- | --- | --- | --- | --- |
";

const FOOT: &str = "\
What the last column says:

- **end to end**: people sign in and out with this implementation, in a browser, by the tests in `e2e`.
- **fixtures**: against documents and tokens of the shapes that the provider documents, or that others have reported, in
  `core/tests/providers`; never with the provider itself. Tell us where one has changed.
- **own**: a profile of your own making.
";
