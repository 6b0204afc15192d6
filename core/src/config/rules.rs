//! What tokens must be, by the settings.

use super::builder::ConfigBuilder;
use crate::error::{ConfigError, Quirk};
use crate::issuer::Issuer;
use crate::token::{AccessToken, TokenRules};

impl ConfigBuilder {
    pub(super) fn client_rules(
        &self,
        make: fn(&str, &str) -> Result<TokenRules, ConfigError>,
        issuer: &Issuer,
    ) -> Result<Option<TokenRules>, ConfigError> {
        let Some(client_id) = &self.client_id else { return Ok(None) };
        self.rules(make(&issuer.0, client_id)?.issuers(self.profile.issuers.clone())?).map(Some)
    }

    pub(super) fn access_rules(&self, issuer: &Issuer) -> Result<TokenRules, ConfigError> {
        let audience = match (&self.audience, &self.client_id) {
            (Some(audience), _) => audience,
            (None, Some(client_id)) => client_id,
            (None, None) => return Err(ConfigError::new("audience", "is required")),
        };
        if Quirk::of_audiences([audience.as_str()].into_iter()) == Some(Quirk::MicrosoftGraph) {
            return Err(ConfigError::new("audience", Quirk::MicrosoftGraph.to_string()));
        }
        let profile = &self.profile;
        let bearer = self.bearer.as_ref().or(profile.bearer.as_ref());
        let issuers = profile.access_token_issuers.as_ref().unwrap_or(&profile.issuers);
        let mut rules = TokenRules::access(&issuer.0, audience)?
            .accept(bearer.map_or(&[AccessToken::AtJwt], Vec::as_slice))?
            .issuers(issuers.clone())?
            .claims(&profile.access_token_claims);
        if let Some(marks) = profile.access_token_marks {
            rules = rules.marks(marks);
        }
        if let Some(claim) = profile.audience_claim {
            rules = rules.audience_claim(claim);
        }
        self.rules(rules)
    }

    fn rules(&self, rules: TokenRules) -> Result<TokenRules, ConfigError> {
        let rules = rules.algorithms(&self.algorithms)?.leeway(self.leeway)?.danger(self.danger);
        Ok(self.max_token_age.into_iter().fold(rules, TokenRules::max_token_age))
    }
}
