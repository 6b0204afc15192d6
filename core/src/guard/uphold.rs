//! Policies upheld: who falls short is refused, or signs in anew where that helps.

use http::{HeaderName, HeaderValue};

use super::answer::{Answer, Shape};
use super::seat::Visit;
use super::{Guard, Identity, Incoming, Policy, Source, Verdict};
use crate::error::{Error, RequestError};
use crate::step::Step;
use crate::time::UnixTime;

/// What is needed of a request once it is known who sent it.
struct Asker {
    shape: Shape,
    target: String,
    /// The one who is loading a page, where a redirect to the provider helps.
    person: Option<Visit>,
}

impl Guard {
    /// The same as [`require`](Self::require) where the identity must also meet a policy. A sign-in that is started for that
    /// must meet it, too.
    pub fn require_policy(&self, incoming: Incoming<'_>, policy: &Policy, now: UnixTime) -> Step<Verdict> {
        let (this, asker, policy) = (self.clone(), self.asker(&incoming), policy.clone());
        let admitted = self.admit(incoming, false, now);
        admitted.then(now, move |admitted, now| this.uphold_for(admitted, &asker, &policy, now))
    }

    /// The same for a request that [`check`](Self::check) has admitted already, with its verdict.
    pub fn uphold(
        &self,
        admitted: Verdict,
        incoming: Incoming<'_>,
        policy: &Policy,
        now: UnixTime,
    ) -> Step<Verdict> {
        self.uphold_for(admitted, &self.asker(&incoming), policy, now)
    }

    /// Whether an identity meets a policy, for what is no request of its own: a message on a socket, a part of a page.
    ///
    /// # Errors
    /// [`Error::Request`] with the first demand that is not met.
    pub fn permits(&self, identity: &Identity, policy: &Policy, now: UnixTime) -> Result<(), Error> {
        policy.check(identity, self.home.config().leeway, now).map_err(Error::from)
    }

    fn asker(&self, incoming: &Incoming<'_>) -> Asker {
        let browser = self.browser.as_ref().filter(|_| self.may_redirect(incoming));
        let person = browser.map(|browser| self.visit_to_sign_in(browser, incoming));
        Asker { shape: Shape::of(incoming), target: incoming.target.to_owned(), person }
    }

    fn uphold_for(&self, admitted: Verdict, asker: &Asker, policy: &Policy, now: UnixTime) -> Step<Verdict> {
        let Verdict::Allow { identity, headers } = admitted else { return Step::Done(admitted) };
        let permitted = match &identity {
            Some(identity) => self.permits(identity, policy, now),
            None => Err(RequestError::NoCredentials.into()),
        };
        let Err(error) = permitted else { return Step::Done(Verdict::Allow { identity, headers }) };
        let by_token = identity.as_ref().is_some_and(|identity| identity.source != Source::Session);
        let person = asker.person.as_ref().filter(|_| !by_token && is_mended_by_sign_in(&error));
        // Whoever has signed in does so anew where they did.
        let there = identity.as_ref().and_then(|identity| self.client_of(identity.iss()));
        let refused = match person {
            Some(visit) => self.begin_sign_in(
                there.or(visit.client.as_ref()),
                visit,
                policy.login_options(&asker.target),
                Vec::new(),
                now,
            ),
            None => Step::Done(Answer::refusal_as(asker.shape, &error).into()),
        };
        // Among them may be a session that was renewed meanwhile.
        self.telling_resource(refused.map(now, |refused| refused.with(headers)), now)
    }
}

fn is_mended_by_sign_in(error: &Error) -> bool {
    use RequestError::{InsufficientAuthentication, NoCredentials};
    matches!(error, Error::Request(NoCredentials | InsufficientAuthentication { .. }))
}

impl Verdict {
    /// With these headers, too, where they are not there.
    fn with(mut self, more: Vec<(HeaderName, HeaderValue)>) -> Self {
        let (Self::Allow { headers, .. } | Self::Reply { headers, .. }) = &mut self;
        for header in more {
            if !headers.contains(&header) {
                headers.push(header);
            }
        }
        self
    }
}
