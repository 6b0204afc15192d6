//! What the provider publishes: metadata, keys, and two shortcuts for demos.

use http::StatusCode;
use serde_json::{Value, json};

use crate::alg::Alg;
use crate::answer::{self, Reply, cached, no_store};
use crate::assertion;
use crate::fault::Fault;
use crate::form::Ask;
use crate::model::AccessTokenRequest;
use crate::pages;
use crate::provider::DevProvider;

impl DevProvider {
    /// [OpenID Connect Discovery 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)
    pub(crate) fn discovery(&mut self, _ask: &Ask, _now: u64) -> Reply {
        let mut metadata = if self.like_the_suite { self.metadata_like_the_suite() } else { self.metadata() };
        if self.mtls_aliases {
            metadata["mtls_endpoint_aliases"] = self.aliases();
        }
        if let Some(methods) = &self.offered_auth {
            metadata["token_endpoint_auth_methods_supported"] = json!(methods);
        }
        self.spoil_metadata(&mut metadata);
        let text = self.metadata_text(&metadata);
        cached(answer::reply(StatusCode::OK, "application/json", text.into_bytes()))
    }

    fn metadata(&self) -> Value {
        json!({
            "issuer": self.issuer(),
            "authorization_endpoint": self.url("/authorize"),
            "token_endpoint": self.url("/token"),
            "userinfo_endpoint": self.url("/userinfo"),
            "pushed_authorization_request_endpoint": self.url("/par"),
            "require_pushed_authorization_requests": self.require_par,
            "introspection_endpoint": self.url("/introspect"),
            "revocation_endpoint": self.url("/revoke"),
            "jwks_uri": self.url("/jwks"),
            "end_session_endpoint": self.url("/end-session"),
            "authorization_response_iss_parameter_supported": true,
            "response_types_supported": ["code", "code id_token"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile", "email", "phone", "address", "offline_access"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "acr_values_supported": self.acr_values,
            "claims_supported": [
                "sub", "name", "given_name", "family_name", "preferred_username", "email", "email_verified", "roles",
                "auth_time", "acr", "sid",
            ],
            "id_token_signing_alg_values_supported": Alg::names(),
            "userinfo_signing_alg_values_supported": Alg::names(),
            "token_endpoint_auth_methods_supported": self.auth_methods(),
            "token_endpoint_auth_signing_alg_values_supported": assertion::algs(),
            "code_challenge_methods_supported": ["S256"],
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "frontchannel_logout_supported": true,
            "frontchannel_logout_session_supported": true,
        })
    }

    fn auth_methods(&self) -> Vec<&'static str> {
        let tls = self.mtls_aliases.then_some("tls_client_auth");
        let methods =
            ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
        methods.into_iter().chain(tls).collect()
    }

    /// [RFC 7517 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)
    pub(crate) fn published_keys(&mut self, _ask: &Ask, _now: u64) -> Reply {
        let registered = self.has_fault(&Fault::KeysMediaType);
        let media_type = if registered { "application/jwk-set+json" } else { "application/json" };
        cached(answer::reply(StatusCode::OK, media_type, self.key_set_text().into_bytes()))
    }

    /// An access token in plain text, for a demo's `curl`.
    pub(crate) fn dev_token(&mut self, ask: &Ask, now: u64) -> Reply {
        let default = AccessTokenRequest::default();
        let text = |name: &str, default: String| ask.params.get(name).map_or(default, str::to_owned);
        let first_user = self.users.first().map_or(default.sub, |user| user.sub.clone());
        let lifetime = ask.params.get("lifetime").map(str::parse).transpose();
        let Ok(lifetime) = lifetime else {
            return answer::text(StatusCode::BAD_REQUEST, "lifetime is a number of seconds\n".to_owned());
        };
        let request = AccessTokenRequest {
            sub: text("sub", first_user),
            audience: text("aud", default.audience),
            scope: text("scope", default.scope),
            lifetime: lifetime.unwrap_or(default.lifetime),
            ..AccessTokenRequest::default()
        };
        no_store(answer::text(StatusCode::OK, self.access_token(request, now)))
    }

    /// Rotates the keys and answers the new `kid`; `keep_old=false` withdraws the old ones.
    pub(crate) fn dev_rotate(&mut self, ask: &Ask, _now: u64) -> Reply {
        self.rotate_keys(ask.params.get("keep_old") != Some("false"));
        no_store(answer::text(StatusCode::OK, self.current_kid()))
    }

    pub(crate) fn index(&mut self, _ask: &Ask, _now: u64) -> Reply {
        answer::html(StatusCode::OK, pages::index(self))
    }
}
