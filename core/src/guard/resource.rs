//! Where those who are refused learn which provider to ask
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};

use super::answer::Answer;
use super::{Guard, Incoming, Verdict};
use crate::resource::Resource;
use crate::step::Step;
use crate::time::UnixTime;

impl Guard {
    /// The document, if this request is for it. Pages of any origin may read it: it is public.
    pub(super) fn resource_document(&self, incoming: &Incoming<'_>) -> Option<Verdict> {
        let resource = self.home.config().resource.as_ref()?;
        if incoming.path() != resource.path || !matches!(*incoming.method, Method::GET | Method::HEAD) {
            return None;
        }
        let issuers: Vec<&str> = self.clients().map(|client| client.config().issuer()).collect();
        let answer = Answer::json(resource.document(&issuers));
        Some(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")).into())
    }

    /// With the document's address in every challenge, if there is one.
    pub(super) fn telling_resource(&self, verdict: Step<Verdict>, now: UnixTime) -> Step<Verdict> {
        match &self.home.config().resource {
            None => verdict,
            Some(resource) => telling(resource, verdict, now),
        }
    }
}

/// With the document's address in every challenge
/// ([section 5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)).
pub(super) fn telling(resource: &Resource, verdict: Step<Verdict>, now: UnixTime) -> Step<Verdict> {
    let parameter = format!("resource_metadata=\"{}\"", resource.metadata_url);
    verdict.map(now, move |mut verdict| {
        if let Verdict::Reply { headers, .. } = &mut verdict {
            for (_, value) in headers.iter_mut().filter(|(name, _)| name == WWW_AUTHENTICATE) {
                let told = value.to_str().ok().filter(|challenge| !challenge.contains(&parameter));
                let told = told
                    .and_then(|challenge| HeaderValue::try_from(format!("{challenge}, {parameter}")).ok());
                if let Some(told) = told {
                    *value = told;
                }
            }
        }
        verdict
    })
}
