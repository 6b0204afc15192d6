//! What a fault does to the metadata.

use serde_json::{Value, json};

use super::Fault;
use super::id_token::{other_slash, remove_from};
use crate::provider::DevProvider;

impl DevProvider {
    pub(crate) fn spoil_metadata(&self, metadata: &mut Value) {
        let Some(fault) = &self.fault else { return };
        let elsewhere = "http://op.invalid/endpoint";
        match fault {
            Fault::DiscoveryIssuerMismatch => metadata["issuer"] = format!("{}INVALID", self.issuer()).into(),
            Fault::DiscoveryIssuerSlash => metadata["issuer"] = other_slash(self.issuer()).into(),
            Fault::DiscoveryIssuerMissing => remove_from(metadata, "issuer"),
            Fault::AuthorizationEndpointHttp => metadata["authorization_endpoint"] = elsewhere.into(),
            Fault::TokenEndpointHttp => metadata["token_endpoint"] = elsewhere.into(),
            Fault::JwksUriHttp => metadata["jwks_uri"] = elsewhere.into(),
            Fault::UserinfoEndpointHttp => metadata["userinfo_endpoint"] = elsewhere.into(),
            Fault::TokenEndpointFile => metadata["token_endpoint"] = "file:///etc/passwd".into(),
            Fault::TokenEndpointMissing => remove_from(metadata, "token_endpoint"),
            Fault::AuthorizationEndpointMissing => remove_from(metadata, "authorization_endpoint"),
            Fault::JwksUriMissing => remove_from(metadata, "jwks_uri"),
            Fault::UserinfoEndpointMissing => remove_from(metadata, "userinfo_endpoint"),
            Fault::EndpointsOnAnotherHost => self.move_endpoints(metadata),
            Fault::OnlyEs256Offered => metadata["id_token_signing_alg_values_supported"] = json!(["ES256"]),
            Fault::OnlyRs256Offered => metadata["id_token_signing_alg_values_supported"] = json!(["RS256"]),
            Fault::AliasesMissing => remove_from(metadata, "mtls_endpoint_aliases"),
            Fault::AliasesText => metadata["mtls_endpoint_aliases"] = elsewhere.into(),
            Fault::AliasHttp => metadata["mtls_endpoint_aliases"]["token_endpoint"] = elsewhere.into(),
            Fault::IssParamNotPromised => {
                remove_from(metadata, "authorization_response_iss_parameter_supported");
            }
            Fault::BareMetadata => {
                if let Some(members) = metadata.as_object_mut() {
                    members.retain(|name, _| REQUIRED.contains(&name.as_str()));
                }
            }
            _ => {}
        }
    }

    /// The metadata as text: there is no other way to say something twice.
    pub(crate) fn metadata_text(&self, metadata: &Value) -> String {
        let text = metadata.to_string();
        if self.has_fault(&Fault::DiscoveryIssuerTwice) {
            return format!("{{\"issuer\":\"https://evil.example\",{}", &text[1..]);
        }
        text
    }

    /// To another name of the same host, where there is one.
    fn move_endpoints(&self, metadata: &mut Value) {
        let (from, to) = match self.issuer() {
            local if local.contains("//127.0.0.1") => ("//127.0.0.1", "//localhost"),
            _ => ("://", "://api."),
        };
        for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
            let moved = metadata[name].as_str().unwrap_or_default().replacen(from, to, 1);
            metadata[name] = moved.into();
        }
    }
}

/// [OpenID Connect Discovery 3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)
const REQUIRED: [&str; 7] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
];
