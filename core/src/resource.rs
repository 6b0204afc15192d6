//! Protected resource metadata: where those who were refused learn which provider to ask for a token
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).

use serde_json::json;
use url::Url;

use crate::error::ConfigError;

/// The place of the document, before the resource's own path
/// ([section 3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A resource by its identifier.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    identifier: String,
    /// Where its metadata is.
    pub(crate) metadata_url: String,
    /// The same on this server.
    pub(crate) path: String,
}

impl Resource {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new("resource", format!("{problem}: {text:?}"));
        let url = crate::config::parse_fetched_url("resource", text)?;
        if url.fragment().is_some() || url.query().is_some() {
            return Err(wrong("must have neither query nor fragment"));
        }
        if !text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && !matches!(byte, b'"' | b'\\')) {
            return Err(wrong("must be plain ASCII without spaces, quotes and backslashes"));
        }
        let path = format!("{WELL_KNOWN}{}", url.path().trim_end_matches('/'));
        Ok(Self { identifier: text.to_owned(), metadata_url: at(&url, &path), path })
    }

    /// The document ([section 2](https://www.rfc-editor.org/rfc/rfc9728#section-2)).
    pub(crate) fn document(&self, issuers: &[&str]) -> String {
        json!({
            "resource": self.identifier,
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        })
        .to_string()
    }
}

fn at(url: &Url, path: &str) -> String {
    format!("{}{path}", url.origin().ascii_serialization())
}
